import { parseExactJson } from '../contract/index.ts'
import type { Database, Transaction } from '../database/index.ts'
import { ownTransaction } from '../database/own-transaction.ts'
import { TidingsError, type ErrorCode } from '../errors.ts'
import { decodeEvent, formatSequence, validateKey, type EntityVersion } from '../event/index.ts'
import { hex, keyBytes } from './key-bytes.ts'
import type { OwnedEntity } from './pending.ts'
import { readSource } from './restoration.ts'
import type { KeyRows, OutboxRows } from './rows.ts'
import type { OutboxStatements } from './tables.ts'
import { readSourceEpoch, type Writer } from './writer.ts'

/** What the owner of an entity has of one key, and what it has told of it. */
export interface OwnerStanding {
  readonly key: string
  /** Whether its table has the row. */
  readonly isPresent: boolean
  /** The state as it would be published now: JSON, with every digit. Absent where there is none, or `refusal`. */
  readonly state?: string
  /** The schema in which it is: that of the events. */
  readonly dataschema?: string
  /** Why the row cannot be published as it is. */
  readonly refusal?: string
  /** The newest version that was given; absent where none ever was. */
  readonly version?: EntityVersion & { readonly isPresent: boolean }
  /** Events of the key that are committed and not yet answered by the broker, oldest first. `writtenAt`: milliseconds since 1970. */
  readonly unsent: readonly { readonly version?: EntityVersion; readonly writtenAt: number }[]
  /** Those that the broker refused, and others behind them, oldest first. `heldAt`: milliseconds since 1970. */
  readonly held: readonly {
    readonly id: number
    readonly heldAt: number
    readonly code: string
    readonly reason: string
  }[]
  /** Everything is being published again, because the database or the broker's store was restored. */
  readonly isListing: boolean
}

export interface PublishAgainRequest {
  readonly key: string
  /** Its version is to be newer than this one, whatever the counter of the key says. */
  readonly above?: EntityVersion
}

export type PublishedAgain = { readonly key: string } & (
  | {
      readonly status: 'published'
      readonly version: EntityVersion
      /** Whether it was published as a state, or as deleted. */
      readonly isPresent: boolean
      /** How many events of the key were held, and are given back to the relay. */
      readonly released: number
    }
  | { readonly status: 'refused'; readonly code: ErrorCode; readonly message: string }
)

/** The owner of an entity, as those see it who look into its copies: see `OutboxKeys`. */
export interface EntityOwner {
  readonly topic: string
  /** At most 100 keys. */
  standing(keys: readonly string[]): Promise<readonly OwnerStanding[]>
  /** At most 100 keys. */
  publishAgain(requests: readonly PublishAgainRequest[]): Promise<readonly PublishedAgain[]>
}

/** What is asked of an outbox about single keys of an entity. */
export interface OutboxKeys {
  /** Of each key, in the order given. */
  standing(entity: OwnedEntity, keys: readonly string[]): Promise<readonly OwnerStanding[]>
  /**
   * Publishes entities again as they are now, each in a transaction of its own under the lock of its key: a newer version
   * than all before, so that whatever is changed later wins over it. What is not there is published as deleted. Held
   * events of the key are given back to the relay before. One that is refused does not disturb others.
   */
  publishAgain(entity: OwnedEntity, requests: readonly PublishAgainRequest[]): Promise<readonly PublishedAgain[]>
}

export interface OutboxKeysOptions {
  readonly database: Database
  readonly statements: OutboxStatements
  readonly rows: OutboxRows
  readonly writer: Writer
  /** Throws where nothing may be written. */
  readonly ensureBegun: () => void
  readonly onPublished: () => void
}

export class DatabaseKeys implements OutboxKeys {
  readonly #options: OutboxKeysOptions

  constructor(options: OutboxKeysOptions) {
    this.#options = options
  }

  async standing(entity: OwnedEntity, keys: readonly string[]): Promise<readonly OwnerStanding[]> {
    const { database, rows, statements } = this.#options
    const { sourceepoch, listed } = await readSource(database, statements)
    return ownTransaction(database, async (transaction) => {
      const found = await rows.ofKeys(
        transaction,
        entity.topic,
        keys.map((key) => keyBytes(validateKey(key))),
      )
      const standings: OwnerStanding[] = []
      for (const key of keys) {
        const isListing = listed < sourceepoch
        standings.push({
          key,
          ...(await stateOf(transaction, entity, key)),
          ...told(found, key, sourceepoch),
          isListing,
        })
      }
      return standings
    })
  }

  async publishAgain(
    entity: OwnedEntity,
    requests: readonly PublishAgainRequest[],
  ): Promise<readonly PublishedAgain[]> {
    this.#options.ensureBegun()
    const answers: PublishedAgain[] = []
    for (const request of requests) answers.push(await this.#publishOne(entity, request).catch(refusalOf(request.key)))
    this.#options.onPublished()
    return answers
  }

  #publishOne(entity: OwnedEntity, { key, above }: PublishAgainRequest): Promise<PublishedAgain> {
    const { database, rows, statements, writer } = this.#options
    const bytes = keyBytes(validateKey(key))
    return ownTransaction(database, async (transaction) => {
      const released = await rows.release(transaction, { topic: entity.topic, key: bytes })
      const pending = { events: [], changes: [{ entity, key }] }
      await writer.flush(transaction, pending, { complete: true, ...(above && { above }) })
      const { versions } = await rows.ofKeys(transaction, entity.topic, [bytes])
      const { sequence, present: isPresent } = versions[0]!
      const sourceepoch = await readSourceEpoch(transaction, statements)
      return { key, status: 'published', version: versionOf(sourceepoch, sequence), isPresent, released } as const
    })
  }
}

async function stateOf(
  transaction: Transaction,
  entity: OwnedEntity,
  key: string,
): Promise<Pick<OwnerStanding, 'isPresent' | 'state' | 'dataschema' | 'refusal'>> {
  const row = await entity.readRow(transaction, key)
  if (!row) return { isPresent: false }
  try {
    const { data, dataschema } = await entity.eventFor({ change: 'updated', key, row })
    const state = new TextDecoder('utf-8', { fatal: true }).decode(data)
    parseExactJson(state)
    return { isPresent: true, state, ...(dataschema !== undefined && { dataschema }) }
  } catch (error) {
    return { isPresent: true, refusal: error instanceof Error ? error.message : String(error) }
  }
}

function told(
  { versions, unsent, held }: KeyRows,
  key: string,
  sourceepoch: number,
): Pick<OwnerStanding, 'version' | 'unsent' | 'held'> {
  const wanted = hex(keyBytes(key))
  const isOfKey = (row: { readonly key: Uint8Array }): boolean => hex(row.key) === wanted
  const version = versions.find(isOfKey)
  return {
    ...(version && { version: { ...versionOf(sourceepoch, version.sequence), isPresent: version.present } }),
    unsent: unsent.filter(isOfKey).map(({ event, writtenAt }) => ({ ...versionIn(event), writtenAt })),
    held: held.filter(isOfKey).map(({ id, heldAt, code, reason }) => ({ id, heldAt, code, reason })),
  }
}

function versionOf(sourceepoch: number, sequence: number): EntityVersion {
  return { sourceepoch, sequence: formatSequence(sequence) }
}

/** The version in an event's bytes; nothing where they are damaged. */
function versionIn(bytes: Uint8Array): { readonly version?: EntityVersion } {
  try {
    const { sequence, sourceepoch = 0 } = decodeEvent(bytes)
    return sequence === undefined ? {} : { version: { sourceepoch, sequence } }
  } catch {
    return {}
  }
}

/** What goes wrong with one key is its own affair; that the database is out of reach is everybody's. */
function refusalOf(key: string): (error: unknown) => PublishedAgain {
  return (error) => {
    if (error instanceof TidingsError && error.retryable) throw error
    const code = error instanceof TidingsError ? error.code : 'internal'
    return { key, status: 'refused', code, message: error instanceof Error ? error.message : String(error) }
  }
}
