export { createRelay, type Relay, type RelayOptions } from './relay.ts'
export { createService } from './create-service.ts'
export type { OwnedRows } from './owned-entity.ts'
export type {
  EventOf,
  HandlerContext,
  HandlerOptions,
  HandlerPoint,
  OwnsOptions,
  PublishOptions,
  Service,
  ServiceDescription,
  ServiceOptions,
  ServiceParts,
  ServiceStats,
  ServiceTransaction,
} from './types.ts'
export { waitFor } from './waiting.ts'
export type { WakeUps } from './wake-ups.ts'
