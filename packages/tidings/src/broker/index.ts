export type {
  CompatibilitySetting,
  CompatibilityMode,
  CompatibilityPolicy,
  ContractDefinition,
  ContractTopicDefinition,
  ContractTypeDefinition,
} from '../contract/index.ts'
export { allowAll, ownersOnly, type Action, type Authorize, type Resource } from './access.ts'
export { eventActions, subscriptionActions } from './actions.ts'
export type { CheckPayload, CompileSchema } from './check-event.ts'
export type { CheckCompatibility, CompatibilityAnswer } from './contracts/compare.ts'
export type { NextDue } from './due-times.ts'
export { createBroker } from './local-broker.ts'
export type { BrokerOptions } from './options.ts'
export type {
  AffectedConsumer,
  ChangedField,
  ConsumerNeeds,
  ContractConsumer,
  ContractDescription,
  ContractFinding,
  ContractPlan,
  ContractRevision,
  ContractTopicDescription,
  ContractTypeDescription,
  ContractTypePlan,
  ContractVerdict,
  ContractVersion,
  RegisterContractRequest,
  ReportNeedsRequest,
} from './port/contracts.ts'
export type { Broker, Caller, ServiceRegistration, BrokerNotice } from './port/broker.ts'
export type {
  CancelAnswer,
  EventAction,
  EventReference,
  Explanation,
  ScheduledEvent,
  ScheduledPage,
  ScheduledRequest,
  SeekPreview,
  SeekRequest,
  SubscriptionStats,
} from './port/standing.ts'
export type { PositionAnswer, PositionRefusal, PositionsRequest } from './port/positions.ts'
export type {
  CoalescePolicy,
  Pause,
  RetryPolicy,
  SubscriptionAction,
  SubscriptionDefinition,
  SubscriptionDescription,
  SubscriptionPolicy,
  SubscriptionState,
} from './port/subscriptions.ts'
export type {
  DeadLetter,
  DeadLetterPage,
  DeadLettersRequest,
  DiscardAnswer,
  DeadLetterFilter,
  Redrive,
  RedriveAnswer,
  RedrivePreview,
  RedriveRequest,
  ReplaceAnswer,
  Replacement,
  ReplaceRequest,
  StartRedriveRequest,
} from './port/dead-letters.ts'
export type {
  Delivery,
  DeliveryStream,
  Outcome,
  OutcomeAction,
  PullAnswer,
  PullRequest,
  RenewRequest,
  ReplayEffects,
  SettleAnswer,
  SettleRequest,
  StreamProgress,
  StreamRequest,
  TaskResult,
} from './port/deliveries.ts'
export type {
  Follower,
  FollowRequest,
  FollowReset,
  HistoricEvent,
  HistoryAnswer,
  HistoryRequest,
  LatestPage,
  LatestRequest,
  PositionedEvent,
  PublishAnswer,
  PublishedEvent,
  PublishRequest,
  ReadPage,
  ReadRequest,
  RepairNote,
} from './port/events.ts'
export type {
  JsonSchema,
  TopicDefinition,
  TopicDescription,
  RetentionHold,
  RetentionLoss,
  RetentionPolicy,
} from './port/topics.ts'
export type { ProducerStamp, ProducerState } from '../engine/index.ts'
export type { ScheduleDefinition, ScheduleDescription, ScheduledTemplate } from './port/schedules.ts'
export type { SubscriptionFilter } from '../event/index.ts'
