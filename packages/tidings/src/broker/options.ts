import type { Engine } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import type { Authorize } from './access.ts'
import type { CompileSchema } from './check-event.ts'
import type { NextDue } from './due-times.ts'

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
  /** Reads cron expressions; where absent, there are no recurring schedules here. */
  readonly nextDue?: NextDue
  readonly environment?: Environment
}
