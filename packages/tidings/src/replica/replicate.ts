import type { Entity } from '../contract/index.ts'
import { TidingsError } from '../errors.ts'
import { validateName } from '../event/index.ts'
import type { AppliedChange } from './change.ts'
import { milliseconds, type Duration } from './duration.ts'
import { MemoryReplica } from './memory-replica.ts'
import type { ReplicaParts } from './parts.ts'
import type { Replica } from './replica.ts'
import { TableReplica } from './table-replica.ts'

export interface ReplicateOptions<Column extends string> {
  /** The properties to copy; the key is always among them. */
  readonly columns: readonly Column[]
  /** `table` (the default): a table in the service's database. `memory`: in the process, filled at each start. */
  readonly store?: 'table' | 'memory'
  /** What the table is called: the topic with `_` for every `.` and `-`, unless something else is said. */
  readonly table?: string
  /** What the replica is called where the topic would not do, because there are two of one entity. */
  readonly name?: string
  /** How old a change may be before it is copied; more than that alarms. Reads answer all the same. */
  readonly freshness?: Duration
  /** Told of what was committed to the copy in a table, also while it is filled. It must not throw. */
  readonly onApplied?: (changes: readonly AppliedChange[]) => void
}

/** A replica as its service runs it. */
export interface RunningReplica {
  readonly name: string
  readonly topic: string
  /** The properties that it copies, the key first. */
  readonly columns: readonly string[]
  readonly reader: Replica<Record<string, unknown>, string | number>
  /** Prepares its tables; rejects with `replica-conflict`. Copying goes on in the background. */
  start(parts: ReplicaParts, onApplied: (keys: readonly string[] | 'any') => void): Promise<void>
  stop(): Promise<void>
}

/** A read-only copy of the chosen columns of another service's entity; it does nothing until it is started. */
export function createReplica(entity: Entity, options: ReplicateOptions<string>): RunningReplica {
  const { topic, key: keyProperty } = entity
  refuseFilter(topic, options)
  const name = validateName(options.name ?? topic, 'replica')
  const table = options.table ?? topic.replaceAll(/[.-]/g, '_')
  const columns = [...new Set([keyProperty, ...options.columns])]
  const reserved = columns.find((column) => column.startsWith('tidings_'))
  if (reserved !== undefined) {
    throw new TidingsError(
      'bad-request',
      `Replica ${name} cannot copy ${reserved}: names that begin with tidings_ are the kit's own.`,
    )
  }
  const freshnessMs =
    options.freshness === undefined ? undefined : milliseconds(options.freshness, `The freshness of replica ${name}`)
  const common = { name, topic, entity, columns, freshnessMs }
  const inMemory = options.store === 'memory'
  const { onApplied = () => {} } = options
  const create = () => (inMemory ? new MemoryReplica(common) : new TableReplica({ ...common, table, onApplied }))
  // Each life of the service has a store of its own; whoever reads keeps the reader.
  let store = create()
  return {
    name,
    topic,
    columns,
    reader: {
      name,
      topic,
      table: inMemory ? undefined : table,
      get: (key) => store.get(key),
      all: () => store.all(),
      status: () => store.status(),
    },
    start(parts, onApplied) {
      store = create()
      return store.start(parts, onApplied)
    },
    stop: () => store.stop(),
  }
}

/** A copy without some of the changes would be a state that never was. */
function refuseFilter(topic: string, options: object): void {
  if (!('filter' in options)) return
  throw new TidingsError(
    'bad-request',
    `A replica of ${topic} takes no filter: it would keep rows whose change was filtered out. Copy all rows, and choose among them when you read.`,
  )
}
