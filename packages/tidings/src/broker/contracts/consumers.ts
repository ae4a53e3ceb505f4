import type { Catalog, StoredSubscription } from '../catalog.ts'
import type { AffectedConsumer, ContractConsumer, ContractTypePlan } from '../port/contracts.ts'
import type { JsonSchema } from '../port/topics.ts'
import { touches } from './schema-fields.ts'
import type { StoredNeeds } from './stored.ts'

/** Who reads each topic, by what it was reported to need and by its subscriptions. */
export async function consumersByTopic(catalog: Catalog): Promise<ReadonlyMap<string, readonly ContractConsumer[]>> {
  const needs = await catalog.list('needs')
  const subscriptions = await catalog.list('subscription')
  const found = new Map<string, ContractConsumer[]>()
  const add = (topic: string, consumer: ContractConsumer): void => {
    const list = found.get(topic)
    if (list) list.push(consumer)
    else found.set(topic, [consumer])
  }
  for (const each of needs) {
    const own = subscriptions.filter((subscription) => isOf(subscription, each))
    add(each.topic, { ...reported(each), ...typesOf(own) })
  }
  for (const each of subscriptions) {
    if (needs.some((reader) => isOf(each, reader))) continue
    const { subscription: consumer } = each
    const named = { consumer, service: serviceOf(consumer), as: 'subscription' } as const
    add(each.topic, { ...named, ...typesOf([each]) })
  }
  for (const list of found.values()) list.sort((left, right) => (left.consumer < right.consumer ? -1 : 1))
  return found
}

/** A copy that is built again has another subscription, whose name goes on with the number of the build. */
export function isOf(
  { subscription, topic }: Pick<StoredSubscription, 'subscription' | 'topic'>,
  { consumer, as, topic: read }: Pick<StoredNeeds, 'consumer' | 'as' | 'topic'>,
): boolean {
  if (topic !== read) return false
  if (subscription === consumer) return true
  return as === 'replica' && /^\.\d+$/.test(subscription.slice(consumer.length)) && subscription.startsWith(consumer)
}

export function serviceOf(consumer: string): string {
  return consumer.split('.', 1)[0]!
}

function reported({ consumer, service, as, observed, seenAt, fields }: StoredNeeds): ContractConsumer {
  const read = Object.entries(fields).map(([field, at]) => ({ field, seenAt: at }))
  read.sort((left, right) => (left.field < right.field ? -1 : 1))
  return { consumer, service, as, needs: { observed, seenAt, fields: read } }
}

function typesOf(subscriptions: readonly StoredSubscription[]): { readonly types?: readonly string[] } {
  const named = subscriptions.map(({ filter }) => filter.types)
  if (named.length === 0 || named.includes(undefined)) return {}
  return { types: [...new Set(named.flatMap((types) => types ?? []))].toSorted() }
}

/** A type that changes, with what its publishers are held to before and after. */
export interface TypeChange {
  readonly plan: ContractTypePlan
  readonly before: JsonSchema
  readonly after: JsonSchema
}

/**
 * Whoever reads what the changes remove or alter, and whoever is not known not to. Of a type that the contract names no
 * more everything is removed: it stays registered, and nobody says that it goes on being published.
 */
export function affectedBy(
  { changes, types }: { readonly changes: readonly TypeChange[]; readonly types: readonly ContractTypePlan[] },
  consumers: ReadonlyMap<string, readonly ContractConsumer[]>,
): readonly AffectedConsumer[] {
  const removed = types
    .filter(({ change }) => change === 'absent')
    .map((plan) => ({ plan, before: true, after: false }))
  const breaking = [...changes.filter(({ plan }) => plan.fields.some(({ change }) => change !== 'added')), ...removed]
  const topics = new Set(breaking.map(({ plan }) => plan.topic))
  return [...topics].flatMap((topic) =>
    (consumers.get(topic) ?? []).flatMap((consumer) => {
      const read = breaking.filter(({ plan }) => plan.topic === topic && reads(consumer, plan.type))
      const found = affected(topic, consumer, read)
      return found ? [found] : []
    }),
  )
}

function reads({ types }: ContractConsumer, type: string): boolean {
  return types === undefined || types.includes(type)
}

function affected(
  topic: string,
  { consumer, service, as, needs }: ContractConsumer,
  changes: readonly TypeChange[],
): AffectedConsumer | undefined {
  const named = { topic, consumer, service, as }
  if (changes.length === 0) return undefined
  if (!needs) return { ...named, types: changes.map(({ plan }) => plan.type), fields: [], known: 'nothing' }
  const fields = new Set<string>()
  const types: string[] = []
  for (const { plan, before, after } of changes) {
    const touched = needs.fields.filter(({ field }) => touches(before, after, field))
    if (touched.length > 0) types.push(plan.type)
    for (const { field } of touched) fields.add(field)
  }
  if (types.length === 0) return undefined
  return { ...named, types, fields: [...fields], known: needs.observed ? 'observed' : 'declared' }
}
