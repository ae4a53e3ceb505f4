import type { Broker } from '../broker/port/broker.ts'
import type { SubscriptionPolicy } from '../broker/port/subscriptions.ts'
import type { Report } from '../consumer/index.ts'
import type { ContractDetails, Entity, EventType, Kind, Replies } from '../contract/index.ts'
import type { Database, SqlRow, SqlValue } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'
import type { AttributeValue, FilterExpression, Position } from '../event/index.ts'
import type { EntityOwner, OutboxStats } from '../outbox/index.ts'
import type { Replica, ReplicaStatus, ReplicateOptions } from '../replica/index.ts'
import type { OwnedRows } from './owned-entity.ts'
import type { WakeUps } from './wake-ups.ts'

/** When the reads of handlers are looked at: of every delivery, of one in a hundred, of none. */
export type ObserveReads = 'always' | 'sampled' | 'never'

export interface ServiceOptions<Name extends string = string> {
  /** What this service publishes and accepts. */
  readonly contract: { readonly '~contract': ContractDetails<Name> }
  readonly broker: Broker
  /** The service's own database: its outbox, inbox and replicas stand there beside its tables. */
  readonly database: Database
  /** `default` where nothing is said. */
  readonly namespace?: string
  /**
   * Wakes the relay for what other processes have committed, such as `followCommits()` of `tidings/capture`; a service
   * is woken by its own commits anyway, and finds others by polling.
   */
  readonly wakeUps?: WakeUps
  /**
   * When it is looked at which fields of their events the handlers read, so that whoever wants to change a contract knows
   * whom it concerns: `sampled` at one delivery in a hundred. `always` where NODE_ENV is `development` or `test` and
   * nothing is said, else `never`.
   */
  readonly observeReads?: ObserveReads
  readonly environment?: Environment
  /** Told what a person should know; prints warnings and errors to the error stream where nothing is said. */
  readonly report?: Report
}

/** A running part of one team: its system of record, its handlers, its copies of what others own. */
export interface Service<Name extends string = string> {
  readonly name: Name
  /** Says where an entity of this service lives, so that `tx.changed` can read it. */
  owns<Data>(entity: Entity<Name, string, unknown, Data>, options: OwnsOptions<Data>): void
  /** A read-only copy of another service's entity, in this service's database or memory. */
  replicate<Data, Key extends string, const Column extends keyof Data & string>(
    entity: Entity<string, string, unknown, Data, Key>,
    options: ReplicateOptions<Column>,
  ): Replica<RowOf<Data, Key, Column>, KeyOf<Data, Key>>
  /**
   * Handles events of one topic. The handler of a task answers whoever asked: with what its `transaction` resolved with,
   * or where it calls none, with what it returned; a `RefuseError` refuses. The name is durable: it names the subscription `<service>.<name>`, whose progress a
   * renamed handler would lose. `from` counts when the subscription is created.
   */
  on<const Types extends EventType | readonly EventType[]>(
    name: string,
    types: Types,
    options: HandlerOptions,
    handler: (context: HandlerContext<Name, Types>) => unknown,
  ): void
  /**
   * Runs `work` in one transaction of the service's database; what it publishes is committed with it. Resolves with what
   * `work` resolved with, after the commit; an error rolls everything back.
   */
  transaction<Result>(work: (tx: ServiceTransaction<Name>) => Promise<Result> | Result): Promise<Result>
  /**
   * The same inside a transaction that somebody else began on the same connection, and will commit. What the handle may
   * be is the database's to say: for PostgreSQL any client's, as `{ query(text, values) }`.
   */
  join<Result>(handle: unknown, work: (tx: ServiceTransaction<Name>) => Promise<Result> | Result): Promise<Result>
  /**
   * Prepares the database, registers the service with the broker and starts relaying, copying and handling. A broker that
   * is out of reach is waited for in the background; what is wrong for good (`service-conflict`, `contract-incompatible`,
   * `replica-conflict`, `database-not-durable` …) rejects.
   */
  start(): Promise<void>
  /** Finishes what runs, returns the rest. Broker and database were given and are left running. Idempotent. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
  /**
   * What this service has of single keys of an entity that it owns and what it has told of them, and their publication
   * again: for whoever finds out why a copy is different, and mends it. Works while the service runs.
   */
  owner(entity: Entity<Name>): EntityOwner
  stats(): Promise<ServiceStats>
  /** For test benches, which run a service on parts of their own. */
  readonly '~bench': BenchSeam
  /** For comparisons of copies with what it owns; `bad-request` for a topic whose entity it does not own. */
  readonly '~owned': (topic: string) => OwnedSeam
}

export interface OwnedSeam {
  readonly database: Database
  readonly rows: OwnedRows
}

export interface BenchSeam {
  describe(): ServiceDescription
  /** What a handler was seen to read; `undefined` where there is no such handler. */
  reads(handler: string): readonly string[] | undefined
  parts(): ServiceParts
  /** Replaces parts of a service that is not running. */
  rewire(parts: Partial<ServiceParts>): void
  /** Forgets a running service without stopping it, as when its process is gone. Its parts must not answer it any more. */
  abandon(): void
}

/** A transaction of the service's database that can publish. */
export interface ServiceTransaction<Name extends string = string> {
  /** Rows of a `select` or `returning`; an empty array for other statements. Placeholders are the database's. */
  query<Row extends SqlRow = SqlRow>(text: string, values?: readonly SqlValue[]): Promise<Row[]>
  /** The row of a table whose column has this value; exact where `query` answers what another client leaves of it, too. */
  readRow(table: string, column: string, value: SqlValue): Promise<SqlRow | undefined>
  /**
   * Publishes an event of this service, or sends a task to another, with the commit. A value that breaks the schema is
   * refused at once as `schema-violation`, naming path and rule, and rolls back unless it is caught.
   */
  publish<Type extends EventType>(
    type: Type & Publishable<Name, Type>,
    data: Type extends EventType<string, Kind, string, infer Input> ? Input : never,
    options?: PublishOptions,
  ): Promise<void>
  /**
   * Says that the entity with this key was changed. Just before the commit it is read and published as created, updated
   * or deleted, in the order of the commits.
   */
  changed<Data, Key extends string>(
    entity: Entity<Name, string, unknown, Data, Key>,
    key: KeyOf<Data, Key>,
  ): Promise<void>
}

/** Own plain events, and anybody's tasks; entities are published by `changed`. */
export type Publishable<Name extends string, Type> =
  Type extends EventType<infer Owner, infer OfKind>
    ? OfKind extends 'task'
      ? unknown
      : OfKind extends 'event'
        ? Owner extends Name
          ? unknown
          : 'a service publishes its own events only'
        : 'entities are published by changed()'
    : never

export interface PublishOptions {
  /** With the service's name the identity of the event; a new one where nothing is said. */
  readonly id?: string
  readonly subject?: string
  /** Of a task: the topic of this service that takes the answer. */
  readonly replyTo?: Replies
  /** Comes back with the answer; by default that of the event which is being handled, or the id of the task. */
  readonly correlationId?: string
}

export interface OwnsOptions<Data = unknown> {
  readonly table: string
  /** The column of the key, where it is not called like the property. */
  readonly keyColumn?: string
  /**
   * Makes the entity's state from its row. Without it the properties of the schema are columns of the same name: booleans
   * from 0 and 1, lists and objects from JSON, NULL as absent where null is not allowed.
   */
  readonly fromRow?: (row: SqlRow) => Data
}

export interface HandlerOptions extends SubscriptionPolicy {
  /** Where a new subscription begins: `beginning` handles the past as well. A position to go on after is possible, too. */
  readonly from: 'beginning' | 'end' | Position
  /** Only those of its events whose attributes fit: see `FilterExpression`. */
  readonly filter?: FilterExpression
  /** How many run at once in this process; 10 where nothing is said. Events of one key never run at once. */
  readonly concurrency?: number
  /** How many deliveries are held at once; see `ConsumeOptions.prefetch`. */
  readonly prefetch?: number
}

export interface HandlerContext<Name extends string, Types extends EventType | readonly EventType[]> {
  readonly event: EventOf<Types extends readonly EventType[] ? Types[number] : Types>
  /** Equal for every attempt at this event: pass it to what is outside of this database. */
  readonly idempotencyKey: string
  /**
   * Once for each delivery: its commit and the fact that this event is handled are one. Everything in it happens once;
   * everything outside of it at least once.
   */
  transaction<Result>(work: (tx: ServiceTransaction<Name>) => Promise<Result> | Result): Promise<Result>
  /** Aborts when the delivery belongs to somebody else: whatever is done from then on is in vain. */
  readonly signal: AbortSignal
  /** 1 for the first. */
  readonly attempt: number
}

/** An event as a handler gets it. */
export type EventOf<Type> =
  Type extends EventType<string, Kind, infer TypeName, unknown, infer Data>
    ? {
        readonly id: string
        readonly source: string
        readonly type: TypeName
        readonly key: string | undefined
        readonly subject: string | undefined
        readonly time: string | undefined
        readonly position: Position
        /** An earlier generation handled it already, and an operator wants it handled again. */
        readonly replay: boolean
        /** `correlationid`, `causationid`, `traceparent` and whatever else came with it. */
        readonly extensions: Readonly<Record<string, AttributeValue>>
        readonly data: Data
        /** The payload as it was sent. */
        readonly bytes: Uint8Array | undefined
      }
    : never

export type KeyOf<Data, Key extends string> = Key extends keyof Data ? Data[Key] & (string | number) : string | number

/** The chosen columns, and the key. */
export type RowOf<Data, Key extends string, Column extends keyof Data> = {
  readonly [Property in keyof Pick<Data, Column | (Key & keyof Data)>]: Data[Property]
}

export interface ServiceParts {
  readonly broker: Broker
  readonly database: Database
  readonly wakeUps?: WakeUps | undefined
  readonly environment: Environment
  readonly report: Report
  /** Called at the named points of each delivery; what it waits for, the handler waits for. */
  readonly reached: (point: HandlerPoint) => Promise<void> | void
}

/** `before-commit` is inside the transaction, `after-commit` before the broker hears of it. */
export type HandlerPoint = 'before-handler' | 'before-commit' | 'after-commit'

export interface ServiceStats {
  readonly outbox: OutboxStats
  readonly replicas: readonly ({ readonly name: string } & ReplicaStatus)[]
  /** Deliveries that wait for data, by what they wait for. */
  readonly waiting: readonly { readonly topic: string; readonly key: string | undefined; readonly sinceMs: number }[]
}

export interface ServiceDescription {
  readonly name: string
  readonly topics: ContractDetails['topics']
  /** Topics of others that are copied or handled. */
  readonly consumed: readonly { readonly topic: string; readonly kind: Kind; readonly service: string }[]
}
