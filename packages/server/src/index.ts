export type { AccessToken } from './access.ts'
export type { ServerLimits } from './limits.ts'
export { compileSchema } from './schemas.ts'
export { createServer, type Server, type ServerOptions } from './server.ts'
