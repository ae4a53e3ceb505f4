import type { EngineStats, TopicId, Watchers } from '../../engine/index.ts'
import { Ledgers } from './ledger.ts'
import { Session, type SessionOptions } from './session.ts'
import { TopicAppender } from './topic-appender.ts'
import { TopicTrimmer } from './topic-trimmer.ts'
import { WakeUps } from './wake-ups.ts'

/** Everything that lives from `start` to `stop`. */
export class OpenStore {
  readonly session: Session
  readonly trimmer: TopicTrimmer
  readonly ledgers: Ledgers
  readonly #wakeUps: WakeUps
  readonly #appenders = new Map<string, TopicAppender>()
  /** Why the last append was refused for want of room, until one succeeds. */
  #refusing: string | undefined

  static async open(options: SessionOptions & { readonly watchers: Watchers }): Promise<OpenStore> {
    const session = await Session.open(options)
    const wakeUps = new WakeUps(session, options.watchers)
    await wakeUps.start()
    const store = new OpenStore(session, wakeUps)
    store.trimmer.collectGarbage()
    return store
  }

  private constructor(session: Session, wakeUps: WakeUps) {
    this.session = session
    this.trimmer = new TopicTrimmer(session)
    this.ledgers = new Ledgers(session)
    this.#wakeUps = wakeUps
  }

  /** Whoever appends to this topic through this server. */
  appender(id: TopicId): TopicAppender {
    const name = `${id.namespace}/${id.topic}`
    let appender = this.#appenders.get(name)
    if (!appender) {
      appender = new TopicAppender({
        session: this.session,
        id,
        onGrown: () => this.#wakeUps.grown(id),
        onWritten: (error) => (this.#refusing = error?.code === 'store-full' ? error.message : undefined),
      })
      this.#appenders.set(name, appender)
    }
    return appender
  }

  forgetAppender({ namespace, topic }: TopicId): void {
    this.#appenders.delete(`${namespace}/${topic}`)
  }

  async stats(): Promise<EngineStats> {
    const [{ bytes } = { bytes: 0 }] = await this.session.query<{ bytes: number }>(
      'measuring the store',
      `select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint as bytes
         from pg_class where relnamespace = to_regnamespace($1) and relkind = 'r'`,
      [this.session.schema],
    )
    return { bytes, ...(this.#refusing !== undefined && { refusing: this.#refusing }) }
  }

  async close(): Promise<void> {
    await this.session.close()
    await this.#wakeUps.stop()
  }
}
