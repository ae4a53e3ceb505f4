export type { Broker, Caller } from './broker/port/broker.ts'
export {
  connect,
  connectPush,
  type PushOperator,
  type ConnectOptions,
  type WebSocketConstructor,
  type WebSocketLike,
} from './client/index.ts'
export {
  broadcast,
  type Broadcast,
  type BroadcastOptions,
  consume,
  type ConsumeOptions,
  type Consumer,
  type Notice,
  type Report,
} from './consumer/index.ts'
export {
  answersTo,
  defineContract,
  defineEntity,
  defineEvent,
  defineReplies,
  defineTask,
  type Contract,
  type ContractDetails,
  type ContractEntry,
  type ContractTopic,
  type Definition,
  type Entity,
  type EntityDefinition,
  type EventType,
  type InferInput,
  type InferOutput,
  type JsonSchema,
  type Kind,
  type MessageDefinition,
  type Replies,
  type StandardJSONSchemaV1,
  type StandardSchemaV1,
} from './contract/index.ts'
export { sleep, systemEnvironment, type Environment } from './environment/index.ts'
export { errorCodes, RefuseError, RetryError, TerminalError, TidingsError, type ErrorCode } from './errors.ts'
export type { Duration, Replica, ReplicaStatus, ReplicateOptions } from './replica/index.ts'
export {
  createService,
  waitFor,
  type EventOf,
  type HandlerContext,
  type HandlerOptions,
  type HandlerPoint,
  type OwnsOptions,
  type PublishOptions,
  type Service,
  type ServiceDescription,
  type ServiceOptions,
  type ServiceParts,
  type ServiceStats,
  type ServiceTransaction,
} from './service/index.ts'
