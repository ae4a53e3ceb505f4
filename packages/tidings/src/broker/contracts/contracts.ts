import type { Environment } from '../../environment/index.ts'
import { TidingsError } from '../../errors.ts'
import { validateName } from '../../event/index.ts'
import type { StoredTopic } from '../catalog.ts'
import type { CompileSchema } from '../check-event.ts'
import { resourceOf, type Entrance } from '../entrance.ts'
import { conflict } from '../namespace-refusals.ts'
import type { Namespace } from '../namespace.ts'
import type { Caller } from '../port/broker.ts'
import type {
  ContractDescription,
  ContractPlan,
  ContractVerdict,
  RegisterContractRequest,
  ReportNeedsRequest,
} from '../port/contracts.ts'
import type { CheckCompatibility } from './compare.ts'
import { affectedBy, consumersByTopic } from './consumers.ts'
import { describeContract } from './describe.ts'
import { checkContract } from './form.ts'
import { checkNeeds, keepNeeds } from './needs.ts'
import { planContract, type Planned } from './plan.ts'
import { refuseContract } from './refusal.ts'
import type { StoredContract } from './stored.ts'

export interface ContractsOptions {
  readonly entrance: Entrance
  readonly environment: Environment
  readonly compileSchema: CompileSchema | undefined
  readonly checkCompatibility: CheckCompatibility | undefined
}

/** In order of how bad they are. */
const verdicts: readonly ContractVerdict[] = ['unchanged', 'compatible', 'undecided', 'incompatible']

/**
 * The registry of contracts. A contract is one entry of the catalogue that refers to its schemas; these are written before
 * it, so that one commit registers all of it or nothing. The topics follow it: whoever writes one of them looks its schemas
 * up in the contract, in the same commit. A process that dies in between registers again when it starts.
 */
export class Contracts {
  readonly #options: ContractsOptions

  constructor(options: ContractsOptions) {
    this.#options = options
  }

  async register(caller: Caller, given: RegisterContractRequest): Promise<ContractPlan> {
    const { namespace, request } = this.#allowed(caller, given)
    const { catalog } = namespace
    for (;;) {
      const { present, planned, plan } = await this.#plan(namespace, caller, request)
      refuseContract(plan, request)
      for (const [digest, schema] of planned.schemas) {
        if (!catalog.known('schema', digest)) await catalog.change('schema', digest, () => ({ schema }))
      }
      const next = keepDate(present, planned.next)
      let isOvertaken = false
      await catalog.change('contract', request.service, (found) => {
        isOvertaken = JSON.stringify(found) !== JSON.stringify(present)
        return isOvertaken ? (found ?? null) : next
      })
      // Somebody registered another one meanwhile, and this one was not compared with it.
      if (isOvertaken) continue
      for (const { topic, kind, replies } of request.topics) {
        await namespace.putTopic({ topic, kind, owner: request.service, ...(replies && { replies }) })
      }
      return plan
    }
  }

  async plan(caller: Caller, given: RegisterContractRequest): Promise<ContractPlan> {
    const { namespace, request } = this.#allowed(caller, given)
    return (await this.#plan(namespace, caller, request)).plan
  }

  /** Only its owner registers a contract, or asks what would become of it. Answers it as the wire would have brought it. */
  #allowed(
    caller: Caller,
    given: RegisterContractRequest,
  ): { readonly namespace: Namespace; readonly request: RegisterContractRequest } {
    const { entrance, compileSchema } = this.#options
    const namespace = entrance.namespace(caller)
    const request = JSON.parse(JSON.stringify(given)) as RegisterContractRequest
    checkContract(request, compileSchema)
    const { service, topics } = request
    entrance.allow(caller, 'define', { service })
    for (const { topic: name, kind, replies } of topics) {
      const topic = { name, kind, owner: service, ...(replies && ({ replies } as { replies: true })) }
      entrance.allow(caller, 'define', { topic })
    }
    return { namespace, request }
  }

  async #plan(
    { catalog }: Namespace,
    { principal }: Caller,
    request: RegisterContractRequest,
  ): Promise<{ readonly present: StoredContract | undefined; readonly planned: Planned; readonly plan: ContractPlan }> {
    const { environment, checkCompatibility: check } = this.#options
    const present = await catalog.find('contract', request.service)
    const topic = (name: string): StoredTopic | undefined => catalog.known('topic', name)
    for (const each of request.topics) refuseOther(each, request.service, topic(each.topic))
    const schema = (digest: string) => catalog.known('schema', digest)?.schema
    const by = { at: environment.clock.now(), by: principal }
    const planned = await planContract(request, { contract: present, topic, schema, check }, by)
    const isUnchanged = planned.changes.length === 0 && planned.types.every(({ change }) => change !== 'absent')
    const affected = isUnchanged ? [] : affectedBy(planned, await consumersByTopic(catalog))
    const verdict = verdicts[Math.max(0, ...planned.types.map((type) => verdicts.indexOf(type.verdict)))]!
    return { present, planned, plan: { service: request.service, verdict, types: planned.types, affected } }
  }

  /** Whoever sees a topic of a service sees that part of its contract. */
  async describe(caller: Caller, service: string): Promise<ContractDescription> {
    const { entrance } = this.#options
    const { catalog } = entrance.namespace(caller)
    validateName(service, 'service')
    const owned = (await catalog.list('topic')).filter(({ owner }) => owner === service)
    const topics = this.#visible(caller, owned)
    const contract = catalog.known('contract', service)
    if (owned.length === 0 && !contract) throw unknownContract(caller, service)
    if (topics.length === 0) entrance.allow(caller, 'define', { service })
    const schema = (digest: string) => catalog.known('schema', digest)?.schema
    return describeContract({ service, contract, topics, consumers: await consumersByTopic(catalog), schema })
  }

  async list(caller: Caller): Promise<readonly ContractDescription[]> {
    const { catalog } = this.#options.entrance.namespace(caller)
    const topics = this.#visible(caller, await catalog.list('topic'))
    const consumers = await consumersByTopic(catalog)
    const services = [...new Set(topics.map(({ owner }) => owner))].toSorted()
    return services.map((service) => {
      const contract = catalog.known('contract', service)
      return describeContract({ service, contract, topics: topics.filter(({ owner }) => owner === service), consumers })
    })
  }

  #visible(caller: Caller, topics: readonly StoredTopic[]): readonly StoredTopic[] {
    return topics.filter((topic) => this.#options.entrance.allows(caller, 'inspect', { topic: resourceOf(topic) }))
  }

  async reportNeeds(caller: Caller, request: ReportNeedsRequest): Promise<void> {
    const { entrance, environment } = this.#options
    const namespace = entrance.namespace(caller)
    checkNeeds(request)
    entrance.allow(caller, 'consume', { service: request.service })
    const topics = await namespace.catalog.list('topic')
    const known = request.needs.filter(({ topic: name, consumer }) => {
      const found = topics.find(({ topic }) => topic === name)
      if (found) entrance.allow(caller, 'consume', { subscription: consumer, topic: resourceOf(found) })
      return found !== undefined
    })
    await keepNeeds(namespace.catalog, { ...request, needs: known }, environment.clock.now())
    const unknown = request.needs.find((need) => !known.includes(need))
    // A consumer may be there before its topic is; what the others read is known all the same.
    if (unknown) await namespace.topic(unknown.topic)
  }
}

function unknownContract({ namespace }: Caller, service: string): TidingsError {
  return new TidingsError(
    'contract-unknown',
    `There is no contract of ${service} in namespace ${namespace}; start the service or push its contract (tidings contract push), or check the name.`,
    { details: { service } },
  )
}

/** What is registered again as it was has the date of the first time. */
function keepDate(present: StoredContract | undefined, next: StoredContract): StoredContract {
  if (!present) return next
  const dated = { ...next, at: present.at, by: present.by }
  return JSON.stringify(dated) === JSON.stringify(present) ? present : next
}

function refuseOther(
  { topic, kind, replies = false }: RegisterContractRequest['topics'][number],
  service: string,
  present: StoredTopic | undefined,
): void {
  if (!present) return
  if (present.owner !== service) throw conflict(topic, `belongs to the service ${present.owner}, not ${service}`)
  if (present.kind !== kind) throw conflict(topic, `is a topic of kind ${present.kind}, not ${kind}`)
  if ((present.replies ?? false) !== replies) throw conflict(topic, `exists and takes ${replies ? 'no ' : ''}answers`)
}
