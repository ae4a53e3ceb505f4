import { TidingsError } from '../errors.ts'
import type { Environment } from '../environment/index.ts'
import type { Action, Resource } from './access.ts'
import type { Namespace } from './namespace.ts'
import type { Caller } from './port/broker.ts'

/** What operators did, as events of a topic that the broker keeps itself, one in each namespace. */
const auditTopic = 'tidings.audit'

/**
 * What somebody must be allowed to do, in order to do `action` with a resource: the audit is an operator's to read, and
 * nobody's to write, define or remove.
 */
export function auditedAccess(action: Action, { topic, subscription }: Resource): Action | undefined {
  if (topic?.name !== auditTopic) return action
  const changes = action === 'publish' || action === 'define' || action === 'remove'
  return changes && subscription === undefined ? undefined : 'operate'
}

/** Who is not let in, or names nothing that is there, has not acted; and nobody may fill the audit with such calls. */
const unheard = new Set<string>([
  'bad-request',
  'forbidden',
  'name-invalid',
  'namespace-unknown',
  'position-unknown',
  'stopped',
  'subscription-unknown',
  'topic-unknown',
])

/** Writes down what operators do, with its outcome, when it is done or has failed. */
export class Audit {
  readonly #environment: Environment
  readonly #namespace: (caller: Caller) => Namespace
  readonly #topics = new WeakMap<Namespace, Promise<void>>()

  constructor(environment: Environment, namespace: (caller: Caller) => Namespace) {
    this.#environment = environment
    this.#namespace = namespace
  }

  /** Does it, and resolves when that is written down; rejects as the action does, or because it could not be written. */
  async act<Answer>(
    action: string,
    caller: Caller,
    request: object | string,
    run: () => Promise<Answer>,
  ): Promise<Answer> {
    try {
      const answer = await run()
      await this.#write(action, caller, request, { status: 'done', ...countsOf(answer) })
      return answer
    } catch (error) {
      const code = error instanceof TidingsError ? error.code : 'internal'
      if (!unheard.has(code)) await this.#write(action, caller, request, { status: 'failed', code })
      throw error
    }
  }

  async #write(action: string, caller: Caller, request: object | string, outcome: object): Promise<void> {
    const { clock, ids } = this.#environment
    const namespace = this.#namespace(caller)
    const subject = subjectOf(request)
    const told = { principal: caller.principal, action, subject, arguments: argumentsOf(request), outcome }
    await this.#topic(namespace)
    const publisher = await namespace.publisher(auditTopic)
    const event = {
      id: ids.next(),
      source: '/tidings',
      type: `${auditTopic}.${action}`,
      time: new Date(clock.now()).toISOString(),
      key: subject,
      datacontenttype: 'application/json',
      data: new TextEncoder().encode(JSON.stringify(told)),
    }
    const [answer] = await publisher.publish([{ event }], { principal: 'tidings', own: true })
    if (answer?.status === 'refused') throw new TidingsError(answer.code, answer.message)
  }

  #topic(namespace: Namespace): Promise<void> {
    const known = this.#topics.get(namespace)
    if (known) return known
    const made = namespace.putTopic({ topic: auditTopic, kind: 'event', owner: 'tidings' }).then(() => undefined)
    this.#topics.set(namespace, made)
    made.catch(() => this.#topics.delete(namespace))
    return made
  }
}

function subjectOf(request: object | string): string {
  if (typeof request === 'string') return request
  const { subscription, topic, service } = request as { subscription?: string; topic?: string; service?: string }
  return subscription ?? topic ?? service ?? '-'
}

/** Payloads are not repeated: they may be large, and are nobody's business here. */
function argumentsOf(request: object | string): object {
  if (typeof request === 'string') return {}
  return JSON.parse(
    JSON.stringify(request, (_, value: unknown) => (value instanceof Uint8Array ? { bytes: value.length } : value)),
  ) as object
}

/** How many of a list of answers were what. */
function countsOf(answer: unknown): object {
  if (!Array.isArray(answer)) return {}
  const counts: Record<string, number> = {}
  for (const { status } of answer as readonly { status: string }[]) counts[status] = (counts[status] ?? 0) + 1
  return { counts }
}
