import { TidingsError, type Environment } from 'tidings'
import type { Broker } from 'tidings/broker'
import type { Ownership } from 'tidings/engine'
import { Access } from '../access.ts'
import { defaultLimits, type ServerLimits } from '../limits.ts'
import type { SharedStore } from '../make-store.ts'
import { createServedBroker, type ServedBroker } from '../served-broker.ts'
import type { RunningServer, Standing, StartOptions } from '../start.ts'
import { addressOf, parseAddress, urlOf } from './address.ts'
import { forwardTo } from './forward.ts'
import { Front } from './front.ts'
import { Leadership, type Leader, type View } from './leadership.ts'
import { WaitingRoom } from './waiting-room.ts'
import { whileSure } from './while-sure.ts'

/** Starts one of the servers on a store: one leads, the others carry everything to it. */
export async function startTogether(
  options: StartOptions,
  store: SharedStore,
  environment: Environment,
): Promise<RunningServer> {
  const server = new Together(options, store, environment)
  try {
    await server.start()
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

/**
 *   waiting ── it leads, and its broker has started ──▶ leading
 *      │  ▲                                               │
 *      │  └── it was replaced, or steps down ─────────────┘
 *      ├──▶ forwarding ── the leader is another, or nobody ──▶ waiting
 *      └──▶ stopped, from everywhere
 *
 * Connections belong to one of the states and end with it. The changes are made one after the other; only that
 * connections end is not waited for by anybody.
 */
class Together implements RunningServer {
  readonly #options: StartOptions
  readonly #store: SharedStore
  readonly #environment: Environment
  readonly #access: Access
  readonly #limits: ServerLimits
  readonly #front: Front
  readonly #waiting: WaitingRoom
  #leadership: Leadership | undefined
  #address = ''
  #url = ''
  #served: ServedBroker | undefined
  #standing: Standing = { state: 'stands-by' }
  #reason = 'The server is starting; try again later.'
  #changes: Promise<void> = Promise.resolve()
  #hasStarted = false
  #stopping: Promise<void> | undefined

  constructor(options: StartOptions, store: SharedStore, environment: Environment) {
    const { host = '127.0.0.1', port = 7070, address, logger } = options
    this.#options = options
    this.#store = store
    this.#environment = environment
    if (address !== undefined) parseAddress(address)
    const limits = { ...defaultLimits, ...options.limits }
    this.#limits = limits
    this.#access = new Access({ ...options, host })
    this.#waiting = new WaitingRoom({ access: this.#access, limits, logger, reason: () => this.#reason })
    // Those that go on are counted by themselves; as many may come and go.
    this.#front = new Front({ host, port, connections: 2 * limits.connections }, this.#waiting.take)
  }

  get url(): string {
    return this.#url
  }

  get standing(): Standing {
    return this.#standing
  }

  get broker(): Broker {
    if (this.#served) return this.#served.broker
    throw new TidingsError('unavailable', `${this.#reason} Call the server at ${this.#url} instead, as its clients do.`)
  }

  /** Returns once it leads or stands by. */
  async start(): Promise<void> {
    if (this.#leadership) return
    const { servers } = this.#store
    await this.#waiting.open()
    const listening = await this.#front.listen()
    this.#url = urlOf(listening)
    this.#address = this.#options.address ?? addressOf(listening)
    await servers.start()
    const leadership = new Leadership({
      ledger: servers.ledger,
      environment: this.#environment,
      address: this.#address,
      asksForTokens: this.#access.asksForTokens,
      onChange: (view) => this.#change(view),
      report: (message, error) => this.#options.logger?.warn(error === undefined ? {} : { err: error }, message),
    })
    this.#leadership = leadership
    await leadership.start()
    await this.#changes
    this.#hasStarted = true
  }

  /** Answers what was asked, and lets another server lead. Idempotent. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(): Promise<void> {
    this.#front.close()
    // What kept the first one from being made has been told by `start`.
    await this.#changes.catch(() => undefined)
    await this.#endService()
    await this.#leadership?.stop()
    this.#front.endConnections()
    await this.#waiting.close()
    await this.#store.servers.stop()
    await this.#store.release()
  }

  #change(view: View): void {
    if (this.#stopping) return
    // At once: what is on its way from a server that was replaced is not to arrive.
    if (view.state !== 'leading') this.#direct(view)
    this.#changes = this.#changes.then(async () => {
      await this.#endService()
      if (view.state === 'leading' && this.#leadership?.view === view) await this.#lead(view.ownership)
    })
  }

  #direct(view: Exclude<View, { readonly state: 'leading' }>): void {
    const obstacle = view.state === 'following' ? this.#obstacle(view.leader) : 'No server leads at present.'
    if (view.state === 'following' && obstacle === undefined) {
      const leader = parseAddress(view.leader.address!)
      this.#reason = `This server stands by for http://${view.leader.address}, which does not answer.`
      const { headersMs: firstByteMs } = this.#limits
      this.#front.direct(forwardTo({ leader, environment: this.#environment, firstByteMs, take: this.#waiting.take }))
      this.#stand({ state: 'stands-by', leader: `http://${view.leader.address}` })
      return
    }
    this.#reason = `${obstacle} Try again later.`
    this.#front.direct(this.#waiting.take)
    this.#stand({ state: 'stands-by' })
  }

  /** Why nothing can be carried to a leader. */
  #obstacle({ address, asksForTokens }: Leader): string | undefined {
    if (address === undefined || asksForTokens === undefined) return 'The server that leads has only begun to.'
    if (address === this.#address) {
      return `Another server leads under the address of this one, ${address}; give each its own with --address.`
    }
    if (asksForTokens || !this.#access.asksForTokens) return undefined
    return `This server asks for tokens and the one that leads, ${address}, does not; give both the same.`
  }

  async #lead(ownership: Ownership): Promise<void> {
    const leadership = this.#leadership!
    let served: ServedBroker
    try {
      served = createServedBroker(this.#options, {
        engine: this.#store.under(ownership),
        environment: this.#environment,
        guarded: (broker) => whileSure(broker, () => leadership.isSure()),
      })
      this.#served = served
      await served.broker.start()
      await served.server.open()
    } catch (error) {
      await this.#endService()
      if (!this.#hasStarted) throw error
      this.#options.logger?.warn({ err: error }, 'The server was to lead and could not; others may.')
      return leadership.stepDown()
    }
    const { view } = leadership
    if (view.state !== 'leading' || view.ownership !== ownership || this.#stopping) return
    this.#front.direct((connection) => served.server.take(connection))
    this.#stand({ state: 'leads' })
  }

  /** Stops the broker of a leadership that is over, and what it serves; nothing of it is left to be lost. */
  async #endService(): Promise<void> {
    const served = this.#served
    this.#served = undefined
    if (!served) return
    for (const part of [served.server, served.broker]) {
      await part
        .stop()
        .catch((error: unknown) => this.#options.logger?.warn({ err: error }, 'It stopped with an error.'))
    }
  }

  #stand(standing: Standing): void {
    if (JSON.stringify(standing) === JSON.stringify(this.#standing)) return
    this.#standing = standing
    if (this.#hasStarted) this.#options.onStanding?.(standing)
  }
}
