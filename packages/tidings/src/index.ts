export { sleep, systemEnvironment, type Environment } from './environment/index.ts'
export { errorCodes, RetryError, TerminalError, TidingsError, type ErrorCode } from './errors.ts'
export { connect, type ConnectOptions, type WebSocketConstructor, type WebSocketLike } from './client/index.ts'
