import type { Broker, Caller } from '../broker/port/broker.ts'
import type { Entity } from '../contract/index.ts'
import { sleep, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { quoted, type CapturePool, type ReplicationClient } from './client.ts'
import { settleLife } from './life.ts'
import { NewLife } from './new-life.ts'
import { Notes } from './notes.ts'
import { Publisher } from './publisher.ts'
import type { Raise } from './report.ts'
import { CaptureRun } from './run.ts'
import { connectToReplicate, ensurePublication, readPublication } from './server.ts'
import { databaseError, forms } from './session.ts'
import type { StateStore } from './state.ts'
import { ReplicationStream, silence } from './stream.ts'
import type { CapturedTable, TableOptions } from './table.ts'

export interface ConnectionOptions {
  readonly pool: CapturePool
  readonly replication: () => ReplicationClient
  readonly broker: Broker
  readonly caller: Caller
  readonly environment: Environment
  readonly entity: Entity
  readonly name: string
  /** Of the slot, and of the publication. */
  readonly slot: string
  readonly store: StateStore
  readonly tableOptions: TableOptions
  readonly table: CapturedTable
  readonly asked: NewLife | undefined
  readonly raise: Raise
  readonly chunkRows?: number
  /** How long the server may say nothing. */
  readonly silentMs: number
  /** It has said nothing for that long, which ends the connection. */
  readonly onSilent: () => void
  /** The life of this capture stands in the database. */
  readonly onBegun: (asked: NewLife | undefined) => void
  /** A note has come through. */
  readonly onFlowing: () => void
  readonly count: (answered: 'published' | 'refused') => void
}

/**
 * Above so many bytes that wait to be published, nothing more is read from the server. Not more than is published in a
 * moment, so that nothing else in this process has to wait for it.
 */
const mostWaitingBytes = 262_144

/** A connection that is not there by then is given up, and one that does not end by then is left alone. */
const connectWithinMs = 30_000
const endWithinMs = 5_000

/** One replication connection, from its opening to its end. */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #notes: Notes
  readonly #ending = new AbortController()
  #reason: Error | undefined
  #stream: ReplicationStream | undefined
  #publisher: Publisher | undefined
  #publication: string | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { pool, name, environment } = options
    this.#notes = new Notes({ pool, prefix: `tidings.${name}`, environment })
  }

  get heartbeatAt(): number {
    return this.#notes.heartbeatAt
  }

  get isStreaming(): boolean {
    return this.#stream !== undefined && !this.#ending.signal.aborted
  }

  /** Captures until the connection ends, and rejects with the reason. */
  async run(): Promise<void> {
    const client = this.#options.replication()
    client.on('error', (error) => this.end(error ?? new Error('The replication connection failed.')))
    client.on('end', () => this.end(new Error('The replication connection has ended.')))
    try {
      await this.#run(client)
    } catch (error) {
      throw this.#reason instanceof NewLife ? this.#reason : databaseError(this.#reason ?? error)
    } finally {
      this.end(new Error('The replication connection has ended.'))
      await Promise.race([client.end().catch(() => undefined), sleep(this.#options.environment, endWithinMs)])
    }
  }

  /** Ends it for this reason, after what is being written down. */
  end(reason: Error): void {
    this.#reason ??= reason
    this.#ending.abort()
    this.#stream?.close(reason)
  }

  /** Sends a heartbeat, and looks whether publication and topic are still the ones that they were. */
  async look(): Promise<void> {
    if (!this.isStreaming) return
    await this.#notes.beat()
    const ended = (await this.#endedPublication()) ?? (await this.#publisher?.endedTopic())
    if (ended) this.end(ended)
  }

  async #endedPublication(): Promise<Error | undefined> {
    const { pool, slot, table } = this.#options
    try {
      const present = await readPublication(pool, slot, table)
      if (present === this.#publication) return undefined
      return new NewLife(`The publication ${slot} was changed.`, { keepsSlot: false })
    } catch (error) {
      // It does not have the table any more, or not all of its changes.
      if (error instanceof TidingsError && error.code === 'bad-request') return error
      throw error
    }
  }

  async #run(client: ReplicationClient): Promise<void> {
    const { pool, broker, caller, environment, entity, slot, store, table, raise, count, silentMs, onSilent } =
      this.#options
    const system = await this.#identify(client)
    this.#publication = await ensurePublication(pool, slot, table)
    const lifeOptions = { pool, environment, entity, broker, caller, topic: entity.topic, store, slot, raise }
    const origin = { ...system, table, publication: this.#publication }
    const { state, ahead } = await this.#unlessEnded(settleLife(lifeOptions, origin, this.#options.asked))
    this.#options.onBegun(this.#options.asked)
    const signal = this.#ending.signal
    const { position, confirmed } = state
    const stream = new ReplicationStream({
      slot,
      publication: slot,
      from: confirmed,
      environment,
      maxBytes: mostWaitingBytes,
      silentMs,
      onSilent: () => {
        onSilent()
        this.end(silence(silentMs))
      },
      settings: { messages: 'true' },
    })
    this.#stream = stream
    client.query(stream)
    const publisher = new Publisher({
      broker,
      caller,
      topic: entity.topic,
      environment,
      raise,
      signal,
      position,
      count,
    })
    this.#publisher = publisher
    const run = new CaptureRun({
      ...this.#options,
      state,
      ahead,
      stream,
      publisher,
      notes: this.#notes,
      signal,
      chunkRows: this.#options.chunkRows ?? 1_000,
    })
    await this.#notes.beat()
    try {
      await run.run()
    } finally {
      // Only spares reading it again: what fails here has failed before.
      await run.confirm().catch(() => undefined)
    }
  }

  async #identify(client: ReplicationClient): ReturnType<typeof openReplication> {
    const cancel = this.#options.environment.timers.after(connectWithinMs, () =>
      this.end(new Error(`No replication connection to PostgreSQL came about within ${connectWithinMs / 1_000} s.`)),
    )
    try {
      return await this.#unlessEnded(openReplication(client))
    } finally {
      cancel()
    }
  }

  /**
   * What comes out of work that may take as long as somebody else's transaction is open, unless the connection is ended
   * before: then what the work still does is what another process might do, and is noticed like that.
   */
  async #unlessEnded<Result>(work: Promise<Result>): Promise<Result> {
    const { signal } = this.#ending
    let stopWaiting = (): void => undefined
    const ended = new Promise<never>((_, reject) => {
      stopWaiting = () => reject(this.#reason ?? new Error('The connection has ended.'))
      signal.addEventListener('abort', stopWaiting, { once: true })
      if (signal.aborted) stopWaiting()
    })
    try {
      return await Promise.race([work, ended])
    } finally {
      signal.removeEventListener('abort', stopWaiting)
    }
  }
}

/** Opens the connection and asks the server which one it is. */
export async function openReplication(
  client: ReplicationClient,
): Promise<{ readonly system: string; readonly timeline: string }> {
  await connectToReplicate(client)
  for (const [name, value] of Object.entries(forms)) await client.query(`set ${quoted(name)} to '${value}'`)
  const { rows } = await client.query('IDENTIFY_SYSTEM')
  const { systemid, timeline } = rows[0] as { readonly systemid: unknown; readonly timeline: unknown }
  return { system: String(systemid), timeline: String(timeline) }
}
