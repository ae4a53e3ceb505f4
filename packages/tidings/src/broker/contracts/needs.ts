import { TidingsError } from '../../errors.ts'
import { validateName } from '../../event/index.ts'
import type { Catalog } from '../catalog.ts'
import type { ConsumerNeeds, ReportNeedsRequest } from '../port/contracts.ts'
import { isOf, serviceOf } from './consumers.ts'
import type { StoredNeeds } from './stored.ts'

const hourMs = 3_600_000
const most = { needs: 100, consumers: 1_000, fields: 500, field: 500 }

/** Refuses a report that cannot be one. */
export function checkNeeds({ service, needs }: ReportNeedsRequest): void {
  validateName(service, 'service')
  if (needs.length > most.needs)
    throw refused(`A report names at most ${most.needs} consumers; it names ${needs.length}.`)
  for (const { topic, consumer, as, fields } of needs) {
    validateName(topic, 'topic')
    validateName(consumer, 'consumer')
    if (serviceOf(consumer) !== service || consumer === service) {
      throw refused(`"${consumer}" is not a consumer of ${service}: its name begins with "${service}.".`)
    }
    if (as !== 'replica' && as !== 'handler') throw refused(`"as" must be replica or handler; it was ${String(as)}.`)
    const wrong = fields.find((field) => !/^(\/([^~]|~[01])*)?$/u.test(field))
    if (wrong === undefined) continue
    throw refused(`"${wrong.slice(0, 100)}" is not a JSON pointer; write "/lines/*/count", or "" for everything.`)
  }
}

/** Adds what was seen to what is known of each consumer; what is declared replaces it. */
export async function keepNeeds(catalog: Catalog, { service, needs }: ReportNeedsRequest, now: number): Promise<void> {
  const known = (await catalog.list('needs')).filter((each) => each.service === service)
  const names = new Set([...known, ...needs].map(({ consumer }) => consumer))
  if (names.size > most.consumers) {
    throw refused(`${service} would have ${names.size} consumers; the needs of at most ${most.consumers} are kept.`)
  }
  for (const each of needs) {
    await catalog.change('needs', each.consumer, (present) => merged(present, { ...each, service }, now))
  }
}

function merged(
  present: StoredNeeds | undefined,
  reported: ConsumerNeeds & { readonly service: string },
  now: number,
): StoredNeeds {
  const { consumer, service, topic, as, observed } = reported
  // To the hour, so that repeating a report writes nothing.
  const seenAt = now - (now % hourMs)
  const before = observed && present?.observed && present.topic === topic ? present.fields : {}
  const seen = { ...before, ...Object.fromEntries(reported.fields.map((field) => [field, seenAt])) }
  const isTooMuch =
    Object.keys(seen).length > most.fields || Object.keys(seen).some((field) => field.length > most.field)
  // Whoever reads so much is taken to read everything.
  const entries = isTooMuch
    ? [['', seenAt] as const]
    : Object.entries(seen).toSorted(([left], [right]) => (left < right ? -1 : 1))
  return { consumer, service, topic, as, observed, seenAt, fields: Object.fromEntries(entries) }
}

/** Forgets what the consumers of a subscription that is gone have read. */
export async function forgetNeedsOf(
  catalog: Catalog,
  gone: { readonly subscription: string; readonly topic: string },
): Promise<void> {
  const left = (await catalog.list('subscription')).filter(({ subscription }) => subscription !== gone.subscription)
  for (const each of await catalog.list('needs')) {
    const isLeft = left.some((subscription) => isOf(subscription, each))
    if (isOf(gone, each) && !isLeft) await catalog.change('needs', each.consumer, () => null)
  }
}

/** Forgets what anybody has read of a topic that is gone. */
export async function forgetNeedsOfTopic(catalog: Catalog, topic: string): Promise<void> {
  for (const each of await catalog.list('needs')) {
    if (each.topic === topic) await catalog.change('needs', each.consumer, () => null)
  }
}

function refused(message: string): TidingsError {
  return new TidingsError('bad-request', message)
}
