import type { Broker, Caller } from '../broker/port/broker.ts'
import type { Report } from '../consumer/index.ts'
import type { Database } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'

/** What a replica runs with. */
export interface ReplicaParts {
  readonly broker: Broker
  readonly caller: Caller
  readonly database: Database
  readonly environment: Environment
  /** The service that has the replica. */
  readonly service: string
  readonly report: Report
}
