export { connect, type ConnectOptions } from './connect.ts'
export type { WebSocketConstructor, WebSocketLike } from './socket.ts'
