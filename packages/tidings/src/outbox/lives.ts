import type { Broker, Caller } from '../broker/port/broker.ts'
import type { Database } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import type { Position } from '../event/index.ts'
import type { Ownership } from './ownership.ts'
import { raiseSourceEpoch } from './restore.ts'
import type { OutboxStatements } from './tables.ts'

const lookEveryMs = 10_000
/** A topic that is unknown is about to be made again. */
const lookAgainMs = 1_000

export interface LivesOptions {
  readonly database: Database
  readonly broker: Pick<Broker, 'topic'>
  readonly caller: Caller
  readonly environment: Environment
  readonly ownership: Ownership
  readonly statements: OutboxStatements
  /** The broker does not have one of the topics. */
  readonly onTopicUnknown: () => void
}

/**
 * Notices that a topic has begun another life: the broker's store was restored from a backup, or the topic was made
 * anew. Then it lacks what was answered and removed from the outbox since, and everything has to be published again.
 * Which life was seen last stands in the database, so that it is also noticed what happened while no relay ran.
 */
export class Lives {
  readonly #options: LivesOptions
  readonly #topics = new Set<string>()
  #known: Map<string, string> | undefined
  #lookedAt: number | undefined
  #pauseMs = lookEveryMs

  constructor(options: LivesOptions) {
    this.#options = options
  }

  /** Looks at once at the next call of `look`, as after another owner may have. */
  forget(): void {
    this.#known = undefined
    this.#lookedAt = undefined
  }

  /** A topic to look at; and where an event of it was stored, where that is known. */
  saw(topic: string, position?: Position): void {
    this.#topics.add(topic)
    const known = this.#known?.get(topic)
    if (position !== undefined && known !== undefined && lifeOf(position) !== known) this.#lookedAt = undefined
  }

  /** Answers whether another life has begun; then it stands in the database that everything has to be listed. */
  async look(): Promise<boolean> {
    const { database, environment, statements } = this.#options
    const now = environment.clock.monotonic()
    if (this.#lookedAt !== undefined && now - this.#lookedAt < this.#pauseMs) return false
    this.#lookedAt = now
    this.#pauseMs = lookEveryMs
    this.#known ??= new Map(
      (await database.query<{ topic: string; incarnation: string }>(statements.lives)).map((row) => [
        row.topic,
        row.incarnation,
      ]),
    )
    const found = await Promise.all([...this.#topics].map(async (topic) => [topic, await this.#lifeOf(topic)] as const))
    const changed = found.filter(([topic, life]) => life !== undefined && life !== this.#known!.get(topic))
    if (changed.length === 0) return false
    return await this.#write(changed as [topic: string, life: string][])
  }

  async #write(changed: readonly (readonly [topic: string, life: string])[]): Promise<boolean> {
    const { database, environment, ownership, statements } = this.#options
    const known = this.#known!
    const isAnother = changed.some(([topic]) => known.has(topic))
    await ownTransaction(database, async (transaction) => {
      await ownership.ensure(transaction)
      for (const [topic, life] of changed) await transaction.query(statements.saveLife, [topic, life])
      if (isAnother) await raiseSourceEpoch(transaction, statements, environment)
    })
    for (const [topic, life] of changed) known.set(topic, life)
    return isAnother
  }

  /** `undefined` where the broker could not be asked: publishing says why, if it fails too. */
  async #lifeOf(topic: string): Promise<string | undefined> {
    const { broker, caller, onTopicUnknown } = this.#options
    try {
      return lifeOf((await broker.topic(caller, topic)).head)
    } catch (error) {
      if (error instanceof TidingsError && error.code === 'topic-unknown') {
        this.#pauseMs = lookAgainMs
        onTopicUnknown()
      }
      return undefined
    }
  }
}

function lifeOf(position: Position): string {
  return position.split('.')[0]!
}
