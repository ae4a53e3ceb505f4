export { connect, type ConnectOptions } from './connect.ts'
export { connectPush, type PushOperator } from './push.ts'
export type { WebSocketConstructor, WebSocketLike } from './socket.ts'
export type { RefusedEvent, Spool, SpooledBatch, SpooledPlace } from './spool.ts'
