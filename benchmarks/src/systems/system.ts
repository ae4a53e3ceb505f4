/**
 * D: an acknowledgement means that the disk (or a majority of a cluster) has it, group commit allowed; P: that the page
 * cache has it. Only systems of one class are compared.
 */
export type Durability = 'D' | 'P'

/** Something that takes messages and gives them out: Tidings in one of its forms, or a peer. */
export interface System {
  /** As `--peers` and the tables name it, such as `rabbitmq`. */
  readonly name: string
  /** With its version and what makes it durable, for a reader who has to trust the comparison. */
  readonly title: string
  readonly durability: Durability
  /** Whether messages cross a socket to another process, or stay in the one that calls. */
  readonly form: 'server' | 'library'
  /** Why it cannot run on this machine, and what would help; `undefined` where it can. */
  missing(): Promise<string | undefined>
  /**
   * Starts it on what its folder holds: nothing, where the folder is empty; else what was acknowledged before it was
   * stopped or killed. Its processes end with the calling one, however that ends.
   */
  start(folder: string): Promise<RunningSystem>
}

export interface Queue {
  readonly name: string
  /** Each gets every message; one where it is absent. */
  readonly subscriptions?: readonly string[]
  /** Messages of one key are handled one after the other. */
  readonly isOrdered?: boolean
}

export interface Consumption {
  readonly subscription?: string
  /** How many messages may be in hand without being settled. */
  readonly window: number
  /** How many of them may be handled at once; all of them where nothing is said. Only Tidings is asked for fewer. */
  readonly atOnce?: number
  /** Resolved means done, rejected means try again. */
  handle(message: Uint8Array): Promise<void> | void
}

/** A system that has been started. `stop()` ends its processes; its folder stays. */
export interface RunningSystem {
  /** The processes that serve it, beside the calling one; what they have started in turn is not named. */
  readonly pids: readonly number[]
  /** The same again, after a start on the same folder, changes nothing. */
  create(queue: Queue): Promise<void>
  /** Resolves when the system says that it has the message, in the class of its durability. */
  publish(queue: string, message: Uint8Array, key?: string): Promise<void>
  /** The same for many at once, where the system has a call for that. */
  publishAll?(queue: string, messages: readonly Uint8Array[]): Promise<void>
  /**
   * Hands messages to `handle` and acknowledges each, in the way that the system itself recommends for speed; what is
   * handled while an acknowledgement is on its way shares the next one, where the system can do that. `stop()` resolves
   * when all that was handled is acknowledged.
   */
  consume(queue: string, consumption: Consumption): Promise<{ stop(): Promise<void> }>
  stop(): Promise<void>
}
