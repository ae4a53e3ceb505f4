import type { TopicId, Watchers } from '../../engine/index.ts'
import { sleep } from '../../environment/index.ts'
import { resultTypes, type LentClient, type PostgresNotification } from '../../postgres/index.ts'
import type { Session } from './session.ts'

/** For all topics together, and only while somebody watches: what finds growth of which no notification came. */
const pollEveryMs = 1_000
/** A connection on which nothing is answered for so long is given up. */
const patienceMs = 10_000
/** A payload has less than 8,000 bytes, a namespace and a topic with what parts them at most 402. */
const namesAtOnce = 15

/**
 * Tells the watchers of all servers on one store that a topic has grown. A commit that notifies takes a lock on the whole
 * of PostgreSQL's cluster until it is durable, so the appends do not: each server tells of them on a connection of its
 * own, afterwards, and of all topics that have grown meanwhile at once. Where a hint is lost, because a server or a
 * connection ended in between, the heads of the topics are compared.
 */
export class WakeUps {
  readonly #session: Session
  readonly #watchers: Watchers
  readonly #channel: string
  readonly #stopping = new AbortController()
  readonly #heads = new Map<string, number>()
  readonly #grown = new Set<string>()
  #lent: LentClient | undefined
  #telling = false
  #polling: Promise<void> = Promise.resolve()

  constructor(session: Session, watchers: Watchers) {
    this.#session = session
    this.#watchers = watchers
    this.#channel = `tidings_${session.schema}`
  }

  async start(): Promise<void> {
    await this.#listen()
    this.#polling = this.#poll()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#polling
    this.#letGo()
  }

  /** A topic has grown through this server. */
  grown(id: TopicId): void {
    this.#watchers.notify(id)
    this.#grown.add(nameOf(id))
    if (!this.#telling) void this.#tell()
  }

  async #tell(): Promise<void> {
    this.#telling = true
    while (this.#grown.size > 0) {
      const names = [...this.#grown].slice(0, namesAtOnce)
      for (const name of names) this.#grown.delete(name)
      await this.#ask('select pg_notify($1, $2)', [this.#channel, names.join(' ')])
    }
    this.#telling = false
  }

  async #poll(): Promise<void> {
    const { environment } = this.#session
    const { signal } = this.#stopping
    for (;;) {
      await sleep(environment, pollEveryMs, signal)
      if (signal.aborted) return
      if (this.#lent?.lost) this.#letGo()
      if (!this.#lent) await this.#listenAgain().catch(() => undefined)
      if (!this.#watchers.isEmpty) await this.#compareHeads()
    }
  }

  async #compareHeads(): Promise<void> {
    const rows = await this.#ask('select namespace, topic, head from {topic}')
    for (const { namespace, topic, head } of rows as (TopicId & { head: number })[]) {
      const name = nameOf({ namespace, topic })
      if (this.#heads.get(name) === head) continue
      this.#heads.set(name, head)
      this.#watchers.notify({ namespace, topic })
    }
  }

  readonly #onNotification = ({ payload = '' }: PostgresNotification): void => {
    for (const name of payload.split(' ')) this.#watchers.notify(topicIdOf(name))
  }

  /** A connection does not get lost for nothing: it may be another server that is there now. */
  async #listenAgain(): Promise<void> {
    await this.#session.ensureSameHistory()
    await this.#listen()
  }

  async #listen(): Promise<void> {
    const lent = await this.#session.lend()
    lent.client.on('notification', this.#onNotification)
    this.#lent = lent
    // A hint need not be durable.
    await this.#ask(`set synchronous_commit = off; listen ${this.#channel}`)
  }

  /** Runs a statement on the connection for wake-ups; where that fails, another one is taken by the next poll. */
  async #ask(text: string, values?: unknown[]): Promise<readonly unknown[]> {
    const lent = this.#lent
    if (!lent) return []
    const cancel = this.#session.environment.timers.after(patienceMs, () => this.#letGo())
    try {
      const query = { text: this.#session.sql(text), types: resultTypes, ...(values && { values }) }
      return (await lent.client.query(query)).rows
    } catch {
      if (this.#lent === lent) this.#letGo()
      return []
    } finally {
      cancel()
    }
  }

  /** Its settings are ours, so that it goes back to be closed. */
  #letGo(): void {
    const lent = this.#lent
    this.#lent = undefined
    if (!lent) return
    lent.client.off('notification', this.#onNotification)
    lent.lost = true
    lent.release()
  }
}

function nameOf({ namespace, topic }: TopicId): string {
  return `${namespace}/${topic}`
}

function topicIdOf(name: string): TopicId {
  const end = name.indexOf('/')
  return { namespace: name.slice(0, end), topic: name.slice(end + 1) }
}
