import type { Engine } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import type { Authorize } from './access.ts'
import type { CompileSchema } from './check-event.ts'
import type { CheckCompatibility } from './contracts/compare.ts'
import type { NextDue } from './due-times.ts'
import type { BrokerNotice } from './port/broker.ts'

export interface BrokerOptions {
  readonly engine: Engine
  /** Decides about every call; there is no default, so that nobody is let in by accident. */
  readonly authorize: Authorize
  /** The namespaces that exist; `default` alone where absent. */
  readonly namespaces?: readonly string[]
  /** 1 MiB where absent. */
  readonly maxPayloadBytes?: number
  /** How JSON Schemas of topics are checked; where absent they are kept but not enforced here. */
  readonly compileSchema?: CompileSchema
  /**
   * How a schema is compared with those that were registered before it; where absent, a change of a contract cannot be
   * decided here.
   */
  readonly checkCompatibility?: CheckCompatibility
  /** Reads cron expressions; where absent, there are no recurring schedules here. */
  readonly nextDue?: NextDue
  /** How often retention is looked after, in milliseconds; a minute where absent. */
  readonly retentionEveryMs?: number
  /** Called with what an operator should know of. */
  readonly report?: (notice: BrokerNotice) => void
  readonly environment?: Environment
}
