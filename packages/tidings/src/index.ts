export { systemEnvironment, type Environment } from './environment/index.ts'
export { errorCodes, RetryError, TerminalError, TidingsError, type ErrorCode } from './errors.ts'
