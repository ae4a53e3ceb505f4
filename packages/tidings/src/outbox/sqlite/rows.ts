import type { ProducerState } from '../../broker/port/events.ts'
import type { Database, SqlRow, Transaction } from '../../database/index.ts'
import { ownTransaction } from '../../database/own-transaction.ts'
import type { Environment } from '../../environment/index.ts'
import { countWithin, rowsOf } from '../batch.ts'
import { hexList } from '../key-bytes.ts'
import { storable } from '../held.ts'
import { ensureOwner } from '../owner.ts'
import type {
  Batch,
  HeldRow,
  KeyRows,
  KeyVersion,
  Next,
  NextOptions,
  Outcome,
  OutboxRows,
  Row,
  Settled,
  VersionRow,
} from '../rows.ts'
import { statements } from './statements.ts'

/**
 * The rows of an outbox in SQLite. Whoever writes has the database for himself until his commit, so ids grow in the
 * order of commits: the id of a row is its counter, and a row is deleted when it was answered.
 */
export class SqliteRows implements OutboxRows {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async next({ epoch, topics, maxBytes }: NextOptions): Promise<Next> {
    const [owner] = await this.#database.query<{ epoch: number }>(statements.owner)
    if (owner?.epoch !== epoch) return { isReplaced: true, batches: [], others: [] }
    const unsent = await this.#database.query<{ topic: string }>(statements.topics)
    const batches: Batch[] = []
    const others: string[] = []
    for (const { topic } of unsent) {
      const maxRows = topics.get(topic)
      if (maxRows === undefined) others.push(topic)
      else batches.push(await this.#read({ topic, epoch, maxRows, maxBytes }))
    }
    return { isReplaced: false, batches, others }
  }

  async #read(options: {
    readonly topic: string
    readonly epoch: number
    readonly maxRows: number
    readonly maxBytes: number
  }): Promise<Batch> {
    const { topic, epoch, maxRows, maxBytes } = options
    const weights = await this.#database.query<{ id: number; bytes: number }>(statements.weigh, [topic, maxRows + 1])
    const count = countWithin(weights.slice(0, maxRows), maxBytes)
    const last = weights[count - 1]
    const stored = last
      ? await this.#database.query<{ id: number; key: Uint8Array | null; event: Uint8Array; held: number }>(
          statements.batch,
          [topic, last.id, epoch],
        )
      : []
    const rows = rowsOf(stored.map((row) => ({ ...row, counter: row.id, held: row.held === 1 })))
    return {
      topic,
      rows,
      more: weights.length > count,
      settle: (outcome, environment) =>
        ownTransaction(this.#database, async (transaction) => {
          await ensureOwner(transaction, { statements, epoch })
          return settle(transaction, { topic, rows, outcome, environment })
        }),
    }
  }

  async release(
    transaction: Transaction,
    { topic, key }: { readonly topic: string; readonly key: Uint8Array | null },
  ): Promise<number> {
    if ((await transaction.query(statements.isHeld, [topic, key])).length === 0) return 0
    // What was written since may not go ahead of what was held before. The ids are new: the broker would take the old
    // ones, which later events have overtaken, for duplicates.
    if (key) await holdBehind(transaction, { topic, key, heldAt: 0 })
    const released = await transaction.query(statements.releaseKey, [topic, key])
    await transaction.query(statements.removeHeldKey, [topic, key])
    return released.length
  }

  /**
   * An owner publishes only what was written before the next owner began, so the highest id at that moment bounds what
   * it can have sent, whatever was written since. A process begins before its first write, so nothing that it writes to
   * a restored database counts as known.
   */
  async isAhead(_topic: string, state: ProducerState): Promise<boolean> {
    const [next] = await this.#database.query<{ assigned: number }>(statements.assignedAfter, [state.epoch])
    // Where there is none, the broker has seen an owner of whom this database knows nothing.
    return next === undefined || state.counter > next.assigned
  }

  /** A file is the same wherever it is. */
  async isElsewhere(): Promise<boolean> {
    return false
  }

  async continueHere(): Promise<void> {}

  async continueAbove(transaction: Transaction, known: number): Promise<void> {
    const [highest] = await transaction.query<{ id: number }>(statements.highestId)
    const counter = Math.max(known, highest!.id)
    await transaction.query(statements.beginIds, [counter])
    await transaction.query(statements.raiseIds, [counter, counter])
    await transaction.query(statements.renumber, [highest!.id])
    await transaction.query(statements.removeThrough, [highest!.id])
    // What the broker has up to here is accounted for: the next owner shall not find it again.
    await transaction.query(statements.raiseAssigned, [counter, counter])
  }

  async oldest(): Promise<{ readonly id: number; readonly writtenAt: number } | undefined> {
    const [first] = await this.#database.query<{ id: number; written_at: number }>(statements.first)
    return first && { id: first.id, writtenAt: first.written_at }
  }

  /** Versions first: what they count is told already, or stands among what is read after them. */
  async ofKeys(transaction: Transaction, topic: string, keys: readonly Uint8Array[]): Promise<KeyRows> {
    const versions: KeyVersion[] = []
    for (const key of keys) {
      const [row] = await transaction.query<VersionRow>(statements.version, [topic, key])
      if (row) versions.push({ ...row, present: row.present === 1 })
    }
    const asked = [topic, hexList(keys).toUpperCase()]
    const unsent = await transaction.query<KeyRows['unsent'][number] & SqlRow>(statements.unsentOf, asked)
    return { versions, unsent, held: await transaction.query<HeldRow & SqlRow>(statements.heldOf, asked) }
  }

  async count(): Promise<number> {
    const [row] = await this.#database.query<{ count: number }>(statements.countPending)
    return row!.count
  }

  /** SQLite uses the space of deleted rows again by itself. */
  async sweep(): Promise<boolean> {
    return true
  }
}

async function settle(
  transaction: Transaction,
  options: {
    readonly topic: string
    readonly rows: readonly Row[]
    readonly outcome: Outcome
    readonly environment: Environment
  },
): Promise<Settled> {
  const { topic, rows, outcome, environment } = options
  const { accepted } = outcome
  const heldAt = Math.floor(environment.clock.now())
  const held = [...outcome.refused.values()]
  const waiting = new Map(rows.filter(({ fate }) => fate === 'wait').map(({ key }) => [key!.join(), key!]))
  if (accepted.size > 0) await transaction.query(statements.remove, [JSON.stringify([...accepted])])
  for (const { id, code, reason } of held) {
    await transaction.query(statements.holdOne, [heldAt, code, storable(reason), id])
    await transaction.query(statements.removeOne, [id])
  }
  for (const key of waiting.values()) await holdBehind(transaction, { topic, key, heldAt })
  return { held, passed: accepted.size + held.length + waiting.size }
}

/** Sets everything aside that waits in the outbox for a key of which something is held. */
async function holdBehind(
  transaction: Transaction,
  { topic, key, heldAt }: { readonly topic: string; readonly key: Uint8Array; readonly heldAt: number },
): Promise<void> {
  // What was held when the relay looked may have been released since.
  if ((await transaction.query(statements.isHeld, [topic, key])).length === 0) return
  await transaction.query(statements.holdKey, [heldAt, topic, key])
  await transaction.query(statements.removeKey, [topic, key])
}
