export { errorCodes, RetryError, TerminalError, TidingsError, type ErrorCode } from './errors.ts'
