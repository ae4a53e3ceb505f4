import { TidingsError } from '../errors.ts'
import { parsePosition, validateName, type Position } from '../event/index.ts'
import { refuse, type Action, type Authorize, type Resource } from './access.ts'
import type { StoredTopic } from './catalog.ts'
import { auditedAccess } from './audit.ts'
import type { Namespace } from './namespace.ts'
import type { Caller } from './port/broker.ts'
import type { SubscriptionRunner } from './subscription-runner.ts'

/** Where every call comes in: finds what it is about, and lets nobody in whom the authorizer does not allow. */
export class Entrance {
  readonly #authorize: Authorize
  readonly #namespaces: ReadonlyMap<string, Namespace>
  readonly #state: () => 'new' | 'running' | 'stopped'

  constructor(
    authorize: Authorize,
    names: readonly string[],
    open: (namespace: string) => Namespace,
    state: () => 'new' | 'running' | 'stopped',
  ) {
    this.#authorize = authorize
    this.#namespaces = new Map(names.map((name) => [validateName(name, 'namespace'), open(name)]))
    this.#state = state
  }

  namespaces(): readonly Namespace[] {
    return [...this.#namespaces.values()]
  }

  namespace(caller: Caller): Namespace {
    const state = this.#state()
    if (state === 'new') throw new TidingsError('stopped', 'The broker has not been started; await start() first.')
    if (state === 'stopped') throw new TidingsError('stopped', 'The broker was stopped.')
    const namespace = this.#namespaces.get(caller.namespace)
    if (namespace) return namespace
    const known = [...this.#namespaces.keys()].join(', ')
    throw new TidingsError(
      'namespace-unknown',
      `There is no namespace "${caller.namespace}" here, there is ${known}; use one that is there, or have it added to the namespaces of the broker.`,
    )
  }

  allows(caller: Caller, action: Action, resource: Resource): boolean {
    // A promise, as an authorizer in plain JavaScript may answer, must not let anybody in.
    const wanted = auditedAccess(action, resource)
    const answer: unknown = wanted !== undefined && this.#authorize(caller, wanted, resource)
    return answer === true
  }

  allow(caller: Caller, action: Action, resource: Resource): void {
    if (!this.allows(caller, action, resource)) throw refuse(caller, action, resource)
  }

  /** The namespace of a topic that exists and that the caller may use so. */
  async topic(caller: Caller, action: Action, name: string): Promise<Namespace> {
    const namespace = this.namespace(caller)
    this.allow(caller, action, { topic: resourceOf(await namespace.topic(name)) })
    return namespace
  }

  /** The namespace of a subscription that exists and that the caller may use so. */
  async subscription(caller: Caller, action: Action, subscription: string): Promise<Namespace> {
    const namespace = this.namespace(caller)
    const { topic } = await namespace.subscription(subscription)
    this.allow(caller, action, { subscription, topic: resourceOf(await namespace.topic(topic)) })
    return namespace
  }

  async runner(caller: Caller, action: Action, subscription: string): Promise<SubscriptionRunner> {
    const runner = await (await this.subscription(caller, action, subscription)).runner(subscription)
    if (action === 'consume') runner.used = true
    return runner
  }

  /** The offsets of positions in the topic of a subscription. */
  async offsets(caller: Caller, subscription: string, positions: readonly Position[]): Promise<number[]> {
    const namespace = this.namespace(caller)
    const { topic } = await namespace.subscription(subscription)
    const incarnation = await namespace.incarnation(topic)
    return positions.map((position) => parsePosition(position, incarnation))
  }
}

/** A topic as the authorizer sees it. */
export function resourceOf(topic: Pick<StoredTopic, 'topic' | 'kind' | 'owner' | 'replies'>): Resource['topic'] & {} {
  const { topic: name, kind, owner, replies } = topic
  return { name, kind, owner, ...(replies && { replies }) }
}
