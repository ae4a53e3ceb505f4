export { decodeFrame, encodeFrame, eventLists } from './frame.ts'
export {
  readClientMessage,
  readServerMessage,
  silenceLimitMs,
  type ClientMessage,
  type HelloMessage,
  type ServerMessage,
  type WireDelivery,
} from './messages.ts'
export { encodeOutcome } from './outcome.ts'
export { errorOfProblem, problemOf, type Problem } from './problem.ts'
export type { PushDescription, PushRequest } from './push.ts'
export { producerStamp } from './requests.ts'
export { decodeSchedule, encodeTemplate, type WireSchedule } from './schedule.ts'
export { pathOf, routes, type Operation, type Route } from './routes.ts'
export type { ObjectOf, Shape, ValueOf } from './shape.ts'
export {
  checkVersion,
  frameType,
  principalHeader,
  problemType,
  protocolHeader,
  protocolLimits,
  protocolVersion,
} from './version.ts'
