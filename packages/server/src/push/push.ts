import { hostname } from 'node:os'
import { TidingsError, type Environment } from 'tidings'
import type { Broker, Caller } from 'tidings/broker'
import type { Engine } from 'tidings/engine'
import type { PushDescription, PushRequest } from 'tidings/protocol'
import { Endpoint } from './endpoint.ts'
import { createExchange } from './exchange.ts'
import { Guard, type Resolve } from './guard.ts'
import { spanOf, standardDelaysMs } from './schedule.ts'
import { checkSecret, newSecret } from './signature.ts'
import { PushStore, type StoredPush } from './store.ts'

export interface PushOptions {
  /**
   * Addresses, networks (`10.1.0.0/16`) and host names that may be pushed to though they are not public, also without
   * https.
   */
  readonly allow?: readonly string[]
  /** Host names and addresses that are not asked for their consent (`OPTIONS`) before the first delivery. */
  readonly trust?: readonly string[]
  /** Names this system to its receivers, like a host name; that of this machine where absent. */
  readonly origin?: string
  /** Certificates in PEM that are trusted beside those of well-known authorities. */
  readonly certificates?: readonly string[]
  /** Pauses between the attempts of one event, in milliseconds; those of Standard Webhooks where absent. */
  readonly delaysMs?: readonly number[]
  /** Instead of the system's resolver. */
  readonly resolve?: Resolve
}

export interface PushParts {
  readonly broker: Broker
  readonly engine: Pick<Engine, 'ledger'>
  readonly environment: Environment
  readonly namespaces: readonly string[]
  /** Something that an operator has to know. */
  readonly onAlarm: (message: string, error?: Error) => void
  readonly options: PushOptions
}

const defaultTimeoutMs = 15_000

/** The subscriptions that are pushed: who set which URL for them, durably, and the endpoints that work on them. */
export class Push {
  readonly #parts: PushParts
  readonly #guard: Guard
  readonly #delaysMs: readonly number[]
  readonly #origin: string
  readonly #http: ReturnType<typeof createExchange>
  readonly #stores: ReadonlyMap<string, PushStore>
  readonly #endpoints = new Map<string, Endpoint>()
  #changing: Promise<unknown> = Promise.resolve()

  constructor(parts: PushParts) {
    const { engine, environment, namespaces, options } = parts
    this.#parts = parts
    this.#guard = new Guard(options.allow, options.resolve)
    this.#delaysMs = options.delaysMs ?? standardDelaysMs
    this.#origin = options.origin ?? hostname()
    const { certificates: trust } = options
    this.#http = createExchange({ guard: this.#guard, environment, ...(trust && { trust }) })
    this.#stores = new Map(namespaces.map((namespace) => [namespace, new PushStore(engine, namespace)]))
  }

  /** Goes on with what is stored. */
  async start(): Promise<void> {
    for (const [namespace, store] of this.#stores) {
      await this.sweep(namespace)
      for (const push of await store.load()) this.#begin(namespace, push)
    }
  }

  /** Lets requests under way end and gives the rest back to the broker. */
  async stop(): Promise<void> {
    await this.#changing
    await Promise.all([...this.#endpoints.values()].map((endpoint) => endpoint.stop()))
    // What they came to is on its way to the store.
    await Promise.all([...this.#stores.values()].map((store) => store.written()))
    this.#endpoints.clear()
    this.#http.close()
  }

  /** Sets where a subscription is pushed to. A secret that was made for it is in the answer, and in no later one. */
  put(caller: Caller, { subscription, ...request }: PushRequest): Promise<PushDescription> {
    return this.#change(async () => {
      await this.#allowed(caller, subscription)
      const url = this.#guard.check(request.url)
      await this.#checkAddresses(url)
      const present = this.#find(caller, subscription)?.push
      const moved = present?.url !== url.href
      const { secrets, secret } = secretsOf(request.secrets, present?.secrets)
      const { environment } = this.#parts
      await this.#replace(caller.namespace, {
        ...(moved ? { state: 'unconfirmed', since: environment.clock.now() } : present),
        subscription,
        principal: caller.principal,
        url: url.href,
        format: request.format ?? present?.format ?? 'structured',
        timeoutMs: request.timeoutMs ?? present?.timeoutMs ?? defaultTimeoutMs,
        secrets,
      })
      const description = this.#describe(this.#known(caller, subscription))
      return secret === undefined ? description : { ...description, secret }
    })
  }

  /** How the push of a subscription is set and how it goes; `push-unknown` where there is none. */
  async describe(caller: Caller, subscription: string): Promise<PushDescription> {
    await this.#parts.broker.subscription(caller, subscription)
    return this.#describe(this.#known(caller, subscription))
  }

  /** Deliveries wait for consumers again. */
  remove(caller: Caller, subscription: string): Promise<void> {
    return this.#change(async () => {
      await this.#allowed(caller, subscription)
      this.#known(caller, subscription)
      await this.#remove(caller.namespace, subscription)
    })
  }

  /** Goes on with a push that is disabled, from where it ended; one that is not is left alone. */
  resume(caller: Caller, subscription: string): Promise<PushDescription> {
    return this.#change(async () => {
      await this.#allowed(caller, subscription)
      const { push } = this.#known(caller, subscription)
      if (push.state === 'disabled') {
        const { reason: _, failingSince: __, requestsPerMinute: ___, ...rest } = push
        const since = this.#parts.environment.clock.now()
        await this.#replace(caller.namespace, { ...rest, state: 'unconfirmed', since })
      }
      return this.#describe(this.#known(caller, subscription))
    })
  }

  /** Subscriptions were removed: what was pushed of them must not be when somebody makes others of the same names. */
  sweep(namespace: string): Promise<void> {
    return this.#change(async () => {
      for (const push of (await this.#stores.get(namespace)?.load()) ?? []) {
        if (await this.#isGone(namespace, push)) await this.#remove(namespace, push.subscription)
      }
    })
  }

  // ------------------------------------------------------------------------------------------------------------ checks

  /** Whoever may consume a subscription may say where it goes. */
  async #allowed(caller: Caller, subscription: string): Promise<void> {
    await this.#parts.broker.wake(caller, { subscription, positions: [] })
  }

  async #isGone(namespace: string, { principal, subscription }: StoredPush): Promise<boolean> {
    return this.#parts.broker.subscription({ namespace, principal }, subscription).then(
      () => false,
      (error: unknown) => error instanceof TidingsError && error.code === 'subscription-unknown',
    )
  }

  /** A name that nobody knows yet may be known later; the status of the push says so until then. */
  async #checkAddresses(url: URL): Promise<void> {
    await this.#guard.addresses(url).catch((error: unknown) => {
      if (error instanceof TidingsError) throw error
    })
  }

  // --------------------------------------------------------------------------------------------------------- endpoints

  #change<Result>(run: () => Promise<Result>): Promise<Result> {
    const changed = this.#changing.then(run)
    this.#changing = changed.catch(() => undefined)
    return changed
  }

  async #replace(namespace: string, push: StoredPush): Promise<void> {
    await this.#end(namespace, push.subscription)
    await this.#store(namespace).save(push)
    this.#begin(namespace, push)
  }

  async #remove(namespace: string, subscription: string): Promise<void> {
    await this.#end(namespace, subscription)
    await this.#store(namespace).remove(subscription)
  }

  async #end(namespace: string, subscription: string): Promise<void> {
    const key = keyOf(namespace, subscription)
    const endpoint = this.#endpoints.get(key)
    this.#endpoints.delete(key)
    await endpoint?.stop()
  }

  #begin(namespace: string, push: StoredPush): void {
    const { broker, environment, onAlarm, options } = this.#parts
    const key = keyOf(namespace, push.subscription)
    const isCurrent = (): boolean => this.#endpoints.get(key) === endpoint
    const endpoint: Endpoint = new Endpoint({
      broker,
      environment,
      exchange: this.#http.exchange,
      namespace,
      push,
      delaysMs: this.#delaysMs,
      origin: this.#origin,
      trusted: (options.trust ?? []).includes(new URL(push.url).hostname),
      onChange: (changed) => {
        if (!isCurrent()) return
        this.#store(namespace)
          .save(changed)
          .catch((error: Error) => onAlarm(`The state of the push of ${push.subscription} was not stored.`, error))
      },
      onAlarm,
      onGone: () => {
        void this.#change(async () => {
          if (isCurrent()) await this.#remove(namespace, push.subscription)
        }).catch((error: Error) => onAlarm(`The push of ${push.subscription} was not removed.`, error))
      },
    })
    this.#endpoints.set(key, endpoint)
    endpoint.start()
  }

  #store(namespace: string): PushStore {
    const store = this.#stores.get(namespace)
    if (store) return store
    throw new TidingsError('namespace-unknown', `There is no push in namespace ${namespace}; configure the namespace.`)
  }

  #find({ namespace }: Caller, subscription: string): Endpoint | undefined {
    return this.#endpoints.get(keyOf(namespace, subscription))
  }

  #known(caller: Caller, subscription: string): Endpoint {
    const endpoint = this.#find(caller, subscription)
    if (endpoint) return endpoint
    const message = `Subscription ${subscription} is not pushed; set a URL first: tidings subscriptions push set ${subscription} https://…`
    throw new TidingsError('push-unknown', message, { details: { subscription } })
  }

  #describe({ push, figures }: Endpoint): PushDescription {
    const { principal: setBy, secrets, ...shown } = push
    return { ...shown, setBy, secrets: secrets.length, retryForMs: spanOf(this.#delaysMs), ...figures }
  }
}

/** The secrets from here on, and the one that was made, which nobody has seen yet. */
function secretsOf(
  asked: PushRequest['secrets'],
  present: readonly string[] = [],
): { readonly secrets: readonly string[]; readonly secret?: string } {
  if (Array.isArray(asked)) {
    if (asked.length === 0) throw new TidingsError('bad-request', '"secrets" needs one or two of them, or "rotate".')
    return { secrets: asked.map(checkSecret) }
  }
  if (asked === undefined && present.length > 0) return { secrets: present }
  const secret = newSecret()
  // The one before stays valid until the next rotation, so that no receiver misses the change.
  return { secrets: [secret, ...present.slice(0, 1)], secret }
}

function keyOf(namespace: string, subscription: string): string {
  return JSON.stringify([namespace, subscription])
}
