import type { DatabaseTransaction, Transaction } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import {
  encodeEvent,
  formatSequence,
  isTombstone,
  validateKey,
  type EntityVersion,
  type Event,
} from '../event/index.ts'
import { keyBytes } from './key-bytes.ts'
import type { EntityChange, Pending, PendingChange } from './pending.ts'
import type { LockedKey, NewRow, OutboxStatements, OutboxTables, OutboxWriting } from './tables.ts'

/** An entity's place among its versions, under its lock. */
interface Version extends LockedKey {
  readonly before: number
  sequence: number
  present: boolean
}

/**
 * Writes what a transaction has to tell into its outbox, in the same commit. The keys of entities are locked in one
 * order everywhere, so that two transactions never wait for each other; a lock lasts until the commit, so that the
 * order of commits is the order of versions; rows are read under the locks, so that no stale one is published.
 */
export class Writer {
  readonly #environment: Environment
  readonly #tables: OutboxTables
  readonly #writing: OutboxWriting

  constructor(options: { readonly environment: Environment; readonly tables: OutboxTables }) {
    this.#environment = options.environment
    this.#tables = options.tables
    this.#writing = options.tables.writing(options.environment)
  }

  /**
   * Answers how many events it wrote. With `complete`, an entity that is not there is published as deleted in any case;
   * with `above`, all versions are newer than that one.
   */
  async flush(
    transaction: DatabaseTransaction,
    pending: Pending,
    options: { readonly complete?: boolean; readonly above?: EntityVersion } = {},
  ): Promise<number> {
    const changes = distinct(pending.changes)
    const { versions, sourceepoch } = await this.#lock(transaction, pending, changes)
    for (const version of versions.values())
      version.sequence = counterAbove(version.sequence, sourceepoch, options.above)
    const told: { readonly topic: string; readonly event: Event; readonly isVersion: boolean }[] = []
    const tell = (topic: string, event: Event, version: Version | undefined): void => {
      told.push({ topic, event: version ? withVersion(event, version) : event, isVersion: version !== undefined })
    }
    for (const { topic, kind, event } of pending.events) {
      tell(topic, event, kind === 'entity' ? versions.get(nameOf(topic, event.key!)) : undefined)
    }
    for (const { entity, key } of changes) {
      const version = versions.get(nameOf(entity.topic, key))!
      const change = await derive(transaction, { entity, key }, version, options.complete === true)
      if (change) tell(entity.topic, { ...(await entity.eventFor(change)), key }, version)
    }
    const all = [...versions.values()]
    const counters = {
      versions: all.filter(({ sequence, before }) => sequence !== before),
      unused: all.filter(({ sequence }) => sequence === 0),
    }
    for (let epoch = sourceepoch; ; epoch = await readSourceEpoch(transaction, this.#tables.statements)) {
      const rows = told.map(({ topic, event, isVersion }) =>
        this.#row(topic, isVersion ? { ...event, sourceepoch: epoch } : event),
      )
      if (await this.#writing.write(transaction, { rows, sourceepoch: epoch, ...counters })) return told.length
    }
  }

  async #lock(
    transaction: Transaction,
    pending: Pending,
    changes: readonly PendingChange[],
  ): Promise<{ readonly versions: Map<string, Version>; readonly sourceepoch: number }> {
    const entities = [
      ...pending.events
        .filter(({ kind }) => kind === 'entity')
        .map(({ topic, event }) => ({ topic, key: validateKey(event.key) })),
      ...changes.map(({ entity, key }) => ({ topic: entity.topic, key: validateKey(key) })),
    ]
    const byName = new Map(entities.map((entity) => [nameOf(entity.topic, entity.key), entity]))
    const names = [...byName].toSorted(([, left], [, right]) => inOneOrder(left, right))
    if (names.length === 0) return { versions: new Map(), sourceepoch: 0 }
    const keys = names.map(([, { topic, key }]) => ({ topic, key: keyBytes(key) }))
    const { keys: locked, sourceepoch } = await this.#writing.lock(transaction, keys)
    const versions = names.map(([name], index) => {
      const { sequence } = locked[index]!
      return [name, { ...locked[index]!, before: sequence }] as const
    })
    return { versions: new Map(versions), sourceepoch }
  }

  #row(topic: string, event: Event): NewRow {
    const key = event.key === undefined ? null : keyBytes(event.key)
    return { topic, key, event: encodeEvent(event), writtenAt: Math.floor(this.#environment.clock.now()) }
  }
}

async function derive(
  transaction: Transaction,
  { entity, key }: PendingChange,
  version: Version,
  complete: boolean,
): Promise<EntityChange | undefined> {
  const row = await entity.readRow(transaction, key)
  if (row) return { change: version.present ? 'updated' : 'created', key, row }
  // Created and deleted within one transaction: nobody has to know.
  return version.present || complete ? { change: 'deleted', key } : undefined
}

/** Gives the event the next version of its entity. */
function withVersion(event: Event, version: Version): Event {
  version.sequence += 1
  version.present = !isTombstone(event)
  return { ...event, sequence: formatSequence(version.sequence) }
}

/** Where a counter goes on so that its next version is newer than another one, as where it was set back. */
function counterAbove(counter: number, sourceepoch: number, above: EntityVersion | undefined): number {
  if (!above || above.sourceepoch < sourceepoch) return counter
  const sequence = Number(above.sequence)
  if (above.sourceepoch === sourceepoch && sequence <= longestCounter) return Math.max(counter, sequence)
  throw new TidingsError(
    'bad-request',
    `No version of this database is newer than ${above.sourceepoch}.${above.sequence}: it was given by another life of the database, or by nobody. Rebuild the copy that has it.`,
    { details: { sourceepoch, above } },
  )
}

/** A counter is a number of JavaScript and of every database; far behind it there is room for the next ones. */
const longestCounter = Number.MAX_SAFE_INTEGER - 2 ** 32

export async function readSourceEpoch(transaction: Transaction, statements: OutboxStatements): Promise<number> {
  const [row] = await transaction.query<{ sourceepoch: number }>(statements.source)
  return row!.sourceepoch
}

/** The changes in the order of their locks, each once. */
function distinct(changes: readonly PendingChange[]): PendingChange[] {
  const byName = new Map(changes.map((change) => [nameOf(change.entity.topic, change.key), change]))
  return [...byName.values()].toSorted((left, right) =>
    inOneOrder({ topic: left.entity.topic, key: left.key }, { topic: right.entity.topic, key: right.key }),
  )
}

function inOneOrder(left: { topic: string; key: string }, right: { topic: string; key: string }): number {
  const [first, second] = left.topic === right.topic ? [left.key, right.key] : [left.topic, right.topic]
  if (first === second) return 0
  return first < second ? -1 : 1
}

/** Names of topics hold no space, so this is one name for each pair. */
function nameOf(topic: string, key: string): string {
  return `${topic} ${key}`
}
