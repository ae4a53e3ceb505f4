import type { Caller } from '../broker/port/broker.ts'
import type { TopicDefinition } from '../broker/port/topics.ts'
import type { Entity, JsonSchema } from '../contract/index.ts'
import { Backoff, systemEnvironment, type Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import type { Capture, CaptureOptions } from './capture.ts'
import { betweenConnections, codeOf, literal, messageOf, quoted, refusal } from './client.ts'
import { ColumnTypes } from './column-types.ts'
import { Connection } from './connection.ts'
import { NewLife } from './new-life.ts'
import type { CaptureAlarm, CaptureStats } from './report.ts'
import { checkServer, dropSlot, ensurePublication, readSlot } from './server.ts'
import { run as runStatement } from './session.ts'
import { StateStore } from './state.ts'
import { inspectTable, refuseUnmapped, type CapturedTable, type TableOptions } from './table.ts'
import { usualSilentMs } from './stream.ts'
import { Watch } from './watch.ts'

/**
 * Captures the changes of a table in PostgreSQL 14 or newer through logical replication: `created`, `updated` and
 * `deleted` events with the complete row, in the order of the commits, and once at the beginning every row that is there.
 */
export function captureTable(options: CaptureOptions): Capture {
  const { name = options.entity.topic.replaceAll(/[^a-z0-9_]/g, '_') } = options
  if (!/^[a-z0-9_]{1,50}$/.test(name)) {
    throw refusal(`"${name}" cannot name a capture; use 1 to 50 lower-case letters, digits and "_".`)
  }
  return new TableCapture(options, name)
}

/**
 * How long a replication connection may say nothing: what PostgreSQL's own subscribers allow. A server that works on a
 * transaction of which nothing is published may be as silent as one that is gone, and begins anew with each connection:
 * so that it can come to an end, the next one may be silent for twice as long.
 */
const silent = { firstMs: usualSilentMs, longestMs: 3_600_000 }

class TableCapture implements Capture {
  readonly #options: CaptureOptions
  readonly #name: string
  readonly #environment: Environment
  readonly #caller: Caller
  readonly #store: StateStore
  readonly #tableOptions: TableOptions
  readonly #watch: Watch
  readonly #backoff: Backoff
  #starting: Promise<void> | undefined
  #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #letGo: (() => void) | undefined
  #connection: Connection | undefined
  #heartbeatAt = 0
  /** What has to be begun, in place of going on. */
  #asked: NewLife | undefined
  /** Those who asked for it. */
  #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []
  /** Somebody was told that nothing is captured, and it has not been since. */
  #isTold = false
  #published = 0
  #refused = 0
  #silentMs = silent.firstMs

  constructor(options: CaptureOptions, name: string) {
    const { pool, entity, table, columns, environment = systemEnvironment } = options
    this.#options = options
    this.#name = name
    this.#environment = environment
    this.#caller = options.caller ?? { namespace: 'default', principal: entity.service }
    this.#store = new StateStore({ pool, name, topic: entity.topic })
    this.#tableOptions = { pool, types: new ColumnTypes(pool), table, columns, keyProperty: entity.key }
    this.#backoff = new Backoff(environment, betweenConnections)
    this.#watch = new Watch({
      pool,
      environment,
      slot: this.#slot,
      everyMs: options.heartbeatMs ?? 10_000,
      alarmAboveBytes: options.alarmAboveBytes ?? 2 ** 30,
      alarmAfterMs: options.alarmAfterMs ?? 60_000,
      raise: (alarm) => this.#raise(alarm),
      heartbeatAt: () => this.#connection?.heartbeatAt ?? this.#heartbeatAt,
      look: async () => this.#connection?.look(),
    })
  }

  get #slot(): string {
    return `tidings_${this.#name}`
  }

  start(): Promise<void> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    refuseUnmapped(await this.#inspect())
    this.#stopping = new AbortController()
    this.#heartbeatAt = this.#environment.clock.monotonic()
    this.#letGo = this.#environment.timers.keepAlive?.()
    this.#watch.start()
    this.#loop = this.#run(this.#stopping.signal)
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined)
    this.#starting = undefined
    this.#stopping.abort()
    const stopped = new TidingsError('stopped', 'The capture was stopped.')
    this.#connection?.end(stopped)
    for (const { reject } of this.#waiting.splice(0)) reject(stopped)
    await Promise.all([this.#loop, this.#watch.stop()])
    this.#letGo?.()
    this.#letGo = undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  relist(): Promise<void> {
    if (!this.#starting) return Promise.reject(new TidingsError('stopped', 'The capture does not run; start it first.'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#asked = new NewLife('It was asked for.', { keepsSlot: true })
      this.#connection?.end(this.#asked)
    })
  }

  async remove(): Promise<void> {
    await this.stop()
    const { pool } = this.#options
    await dropSlot(pool, this.#slot)
    await this.#store.remove()
    await runStatement(pool, `drop publication if exists ${quoted(this.#slot)}`).catch((error: unknown) => {
      if (codeOf(error) !== '42501') throw error
      throw refusal(`Let the owner run: drop publication ${literal(this.#slot)}`, error)
    })
  }

  async stats(): Promise<CaptureStats> {
    const slot = await readSlot(this.#options.pool, this.#slot)
    const state = await this.#store.load()
    return {
      streaming: this.#connection?.isStreaming ?? false,
      sourceepoch: state?.sourceepoch,
      listing: state?.stage !== 'done',
      published: this.#published,
      refused: this.#refused,
      behindMs: this.#watch.behindMs,
      lagBytes: slot?.lagBytes ?? 0,
      retainedBytes: slot?.retainedBytes ?? 0,
      slot: slot?.status ?? 'missing',
    }
  }

  // ------------------------------------------------------------------------------------------------------------- inside

  /** What is checked at the start, and again with every connection, because it may change meanwhile. */
  async #inspect(): Promise<CapturedTable> {
    const { pool } = this.#options
    await checkServer(pool)
    const table = await inspectTable(this.#tableOptions)
    await ensurePublication(pool, this.#slot, table)
    await this.#store.prepare()
    return table
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#connect(signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#failed(error, signal)
      }
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const { broker, entity } = this.#options
    const table = await this.#inspect()
    await broker.start()
    await broker.putTopic(this.#caller, topicOf(entity))
    const connection = new Connection({
      ...this.#options,
      environment: this.#environment,
      caller: this.#caller,
      name: this.#name,
      slot: this.#slot,
      store: this.#store,
      tableOptions: this.#tableOptions,
      table,
      asked: this.#asked,
      silentMs: this.#silentMs,
      onSilent: () => (this.#silentMs = Math.min(2 * this.#silentMs, silent.longestMs)),
      raise: (alarm) => this.#raise(alarm),
      onBegun: (asked) => this.#onBegun(asked),
      onFlowing: () => this.#onFlowing(),
      count: (answered) => (answered === 'published' ? this.#published++ : this.#refused++),
    })
    this.#connection = connection
    try {
      if (!signal.aborted) await connection.run()
    } finally {
      this.#heartbeatAt = connection.heartbeatAt
      this.#connection = undefined
    }
  }

  /** The life that was asked for stands in the database; another one may have been asked for since. */
  #onBegun(asked: NewLife | undefined): void {
    if (asked !== this.#asked) return
    this.#asked = undefined
    for (const { resolve } of this.#waiting.splice(0)) resolve()
  }

  #onFlowing(): void {
    this.#backoff.reset()
    this.#isTold = false
    this.#silentMs = silent.firstMs
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    if (error instanceof NewLife) this.#asked = error
    else if (!this.#isTold) {
      this.#isTold = true
      const { table } = this.#options
      const message = `Changes of ${table} are not captured at present: ${messageOf(error)} It goes on by itself.`
      this.#raise({ alarm: 'failing', message, error })
    }
    await this.#backoff.pause(signal)
  }

  #raise(alarm: CaptureAlarm): void {
    try {
      this.#options.onAlarm(alarm)
    } catch {
      // Whoever is told must not be able to stop the capture by failing.
    }
  }
}

function topicOf(entity: Entity): TopicDefinition {
  const schemas: Record<string, JsonSchema> = {}
  for (const { type, jsonSchema } of [entity.created, entity.updated, entity.deleted]) {
    if (jsonSchema !== undefined) schemas[type] = jsonSchema
  }
  const hasSchemas = Object.keys(schemas).length > 0
  return { topic: entity.topic, kind: 'entity', owner: entity.service, ...(hasSchemas && { schemas }) }
}
