import type { Broker, Caller } from '../broker/port/broker.ts'
import type { Entity } from '../contract/index.ts'
import type { Environment } from '../environment/index.ts'
import type { CapturePool, ReplicationClient } from './client.ts'
import type { CaptureAlarm, CaptureStats } from './report.ts'

export interface CaptureOptions {
  /** A pool of `pg` on the captured database, for what is not replication; it stays its owner's to end. */
  readonly pool: CapturePool
  /** Makes a client of `pg` for one replication connection: `() => new Client({ connectionString, replication: 'database' })`. */
  readonly replication: () => ReplicationClient
  readonly broker: Broker
  /** The entity whose events the rows become. */
  readonly entity: Entity
  /** The table, as SQL has it: `public.customer`. */
  readonly table: string
  /** The columns that leave the owner; all where it is absent. Those of the key may be left out, they are in the key of the event. */
  readonly columns?: readonly string[]
  /**
   * Names the capture, and in PostgreSQL its slot and publication after `tidings_`: lower-case letters, digits and `_`.
   * The name of the topic unless somebody says otherwise, with `_` for everything else.
   */
  readonly name?: string
  /** Who publishes: the entity's service in the namespace `default`. */
  readonly caller?: Caller
  readonly environment?: Environment
  /** Told what a person should know. There is no default, so that nobody is left in the dark by accident. */
  readonly onAlarm: (alarm: CaptureAlarm) => void
  /** At most so many rows of a listing are read at once: 1,000. */
  readonly chunkRows?: number
  /** How often a note goes through the log, which moves the slot forward where nothing else does: 10 s. */
  readonly heartbeatMs?: number
  /** How much log the database may keep for this capture before somebody is told: 1 GiB. */
  readonly alarmAboveBytes?: number
  /** How long changes may take before somebody is told: 60 s. */
  readonly alarmAfterMs?: number
}

/** Turns the rows of a table into the events of an entity, with no change to the code that writes them. */
export interface Capture {
  /**
   * Checks database, role and table, and refuses as `bad-request` what cannot be captured, with the statement that helps;
   * then captures until `stop`. The database must be running; the broker need not be. Idempotent.
   */
  start(): Promise<void>
  /** Ends; what is in flight is read again after the next start. PostgreSQL keeps its log for the slot meanwhile: see `remove`. Idempotent. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
  /**
   * Publishes the whole table again, in newer versions, and the end of what only the broker has. Resolves when that is
   * decided for good; the listing then goes on by itself, across restarts too.
   */
  relist(): Promise<void>
  /** Stops, and takes back what the capture has in the database since it was started: its slot, its publication and its state. */
  remove(): Promise<void>
  /** Where it stands, once it was started for the first time. */
  stats(): Promise<CaptureStats>
}
