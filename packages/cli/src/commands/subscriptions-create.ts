import { isDeepStrictEqual } from 'node:util'
import { Option } from 'commander'
import { TidingsError } from 'tidings'
import type {
  CoalescePolicy,
  RetryPolicy,
  SubscriptionDefinition,
  SubscriptionDescription,
  SubscriptionFilter,
  SubscriptionPolicy,
} from 'tidings/broker'
import {
  commaSeparated,
  jsonObject,
  jsonObjects,
  orNone,
  positiveNumber,
  timeSpan,
  wholeNumber,
  wholeNumbers,
} from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { UsageError } from '../failure.ts'
import { describeSubscription } from './subscription-text.ts'

interface CreateOptions {
  readonly topic?: string
  readonly from?: string
  readonly types?: readonly string[]
  readonly filter?: SubscriptionFilter
  readonly onDeadLetter?: 'park' | 'supersede' | 'continue'
  readonly quickDelaysMs?: readonly number[]
  readonly minDelayMs?: number
  readonly maxDelayMs?: number
  readonly maxAttempts?: number
  readonly coalesceMs?: number | 'none'
  readonly urgent?: SubscriptionFilter
  readonly priority?: readonly SubscriptionFilter[]
  readonly maxInFlight?: number | 'none'
  readonly rate?: number | 'none'
  readonly burst?: number
  readonly expiresAfter?: number | 'none'
  readonly update?: boolean
}

const million = { least: 1, most: 1_000_000 }
const day = { least: 0, most: 86_400_000 }
const year = { least: 0, most: 31_536_000_000 }

export function addCreateSubscription(subscriptions: TidingsCommand): void {
  subscriptions
    .command('create')
    .description('Creates a subscription. Its topic is fixed then; --update changes its filter and its policy.')
    .example(
      'tidings subscriptions create mail.thanks --topic sales.order-placed --from end',
      'what comes from here on',
    )
    .example(
      'tidings subscriptions create search.copy --topic crm.customer --from beginning --on-dead-letter supersede',
      'a copy',
    )
    .example('tidings subscriptions create mail.thanks --update --max-attempts 5', 'give up sooner')
    .example('tidings subscriptions create web.flags --update --expires-after 7d', 'do not let it hold a disk for ever')
    .example('tidings subscriptions create mail.thanks --update --rate 10 --burst 20', 'spare what it calls')
    .argument('<subscription>', '<service>.<name>')
    .option('--topic <topic>', 'whose events it wants')
    .option('--from <where>', 'where it starts: "beginning", "end" or a position to go on after')
    .option('--types <types>', 'only these event types, separated by commas', commaSeparated)
    .option('--filter <json>', 'only events whose attributes fit, as {"prefix":{"subject":"eu/"}}', jsonObject)
    .addOption(
      new Option('--on-dead-letter <what>', 'what happens to later events of its key (park)').choices([
        'park',
        'supersede',
        'continue',
      ]),
    )
    .option('--quick-delays-ms <delays>', 'pauses before the first retries, separated by commas', wholeNumbers(year))
    .option('--min-delay-ms <delay>', 'the shortest pause after those', wholeNumber(year))
    .option('--max-delay-ms <delay>', 'the longest pause', wholeNumber(year))
    .option('--max-attempts <count>', 'attempts before an event is a dead letter', wholeNumber(million))
    .option(
      '--coalesce-ms <interval>',
      'at most one event per key so often, the newest, or "none"',
      orNone(wholeNumber(day)),
    )
    .option('--urgent <json>', 'a filter like that of --filter: what does not wait for that interval', jsonObject)
    .option(
      '--priority <json>',
      'a filter like that of --filter: what is handed out first; up to four, what matters most first, fixed from then on',
      jsonObjects,
    )
    .option('--max-in-flight <count>', 'deliveries with consumers at once, or "none"', orNone(wholeNumber(million)))
    .option(
      '--rate <count>',
      'deliveries a second on average, or "none"',
      orNone(positiveNumber({ least: 0.0001, most: 1_000_000 })),
    )
    .option('--burst <count>', 'deliveries at once within the rate (as many as in a second)', wholeNumber(million))
    .option(
      '--expires-after <span>',
      'remove it when nobody has consumed it for so long, as 12h or 7d, or "none"',
      orNone(timeSpan({ least: 1_000, most: 31_536_000_000 })),
    )
    .option('--update', 'change the filter or the policy of a subscription that exists')
    .runs<[subscription: string], CreateOptions>(async ({ broker, caller, output }, [subscription], options) => {
      const existing = await unlessUnknown(broker.subscription(caller, subscription))
      const definition = definitionOf(subscription, options, existing)
      if (existing && !options.update) refuseChange(existing, definition)
      const description = await broker.putSubscription(caller, definition)
      await output.show(description, () => describeSubscription(description))
      output.note(existing ? (options.update ? 'Updated.' : 'It existed already; --from changes nothing.') : 'Created.')
    })
}

function definitionOf(
  subscription: string,
  options: CreateOptions,
  existing: SubscriptionDescription | undefined,
): SubscriptionDefinition {
  if (!existing && options.update) {
    throw new UsageError(`There is no subscription ${subscription} to update; leave out --update to create it.`)
  }
  const topic = options.topic ?? existing?.topic
  const from = options.from ?? existing?.floor
  if (topic === undefined) throw new UsageError(`Say whose events ${subscription} wants with --topic <topic>.`)
  if (from === undefined) {
    throw new UsageError(`Say where ${subscription} starts with --from: "beginning", "end" or a position.`)
  }
  const { types: typesBefore, ...dialectsBefore } = existing?.filter ?? {}
  const types = options.types ?? typesBefore
  return {
    subscription,
    topic,
    from,
    filter: { ...(types && { types }), ...(options.filter ?? dialectsBefore) },
    policy: policyOf(options, existing?.policy),
  }
}

function policyOf(options: CreateOptions, existing: SubscriptionDescription['policy'] | undefined): SubscriptionPolicy {
  const {
    maxInFlight: mostBefore,
    rate: rateBefore,
    coalesce: coalesceBefore,
    expiresAfterMs: expiryBefore,
    ...rest
  } = existing ?? {}
  const { expiresAfter = expiryBefore } = options
  const { onDeadLetter, maxInFlight = mostBefore, burst } = options
  const perSecondNext = options.rate ?? rateBefore?.perSecond
  if (burst !== undefined && typeof perSecondNext !== 'number') {
    throw new UsageError('--burst belongs to a rate; say --rate <count> too.')
  }
  const before = options.rate === undefined ? rateBefore?.burst : undefined
  const burstNext = burst ?? before
  return {
    ...rest,
    ...(onDeadLetter && { onDeadLetter }),
    retry: { ...existing?.retry, ...retryOf(options) },
    ...coalesceOf(options, coalesceBefore),
    ...(options.priority && { priorities: options.priority }),
    ...(typeof maxInFlight === 'number' && { maxInFlight }),
    ...(typeof expiresAfter === 'number' && { expiresAfterMs: expiresAfter }),
    ...(typeof perSecondNext === 'number' && {
      rate: { perSecond: perSecondNext, ...(burstNext !== undefined && { burst: burstNext }) },
    }),
  }
}

function coalesceOf(options: CreateOptions, before: CoalescePolicy | undefined): Pick<SubscriptionPolicy, 'coalesce'> {
  const intervalMs = options.coalesceMs ?? before?.intervalMs
  const urgent = options.urgent ?? before?.urgent
  if (typeof intervalMs === 'number') return { coalesce: { intervalMs, ...(urgent && { urgent }) } }
  if (options.urgent) throw new UsageError('--urgent belongs to --coalesce-ms; say both.')
  return {}
}

function retryOf({ quickDelaysMs, minDelayMs, maxDelayMs, maxAttempts }: CreateOptions): Partial<RetryPolicy> {
  return {
    ...(quickDelaysMs && { quickDelaysMs }),
    ...(minDelayMs !== undefined && { minDelayMs }),
    ...(maxDelayMs !== undefined && { maxDelayMs }),
    ...(maxAttempts !== undefined && { maxAttempts }),
  }
}

/** Repeating a command is fine; changing a subscription by accident is not. The broker refuses another topic itself. */
function refuseChange(existing: SubscriptionDescription, wanted: SubscriptionDefinition): void {
  const same = isDeepStrictEqual(existing.filter, wanted.filter) && isDeepStrictEqual(existing.policy, wanted.policy)
  if (same) return
  throw new TidingsError(
    'subscription-conflict',
    `The subscription ${existing.subscription} exists already with another filter or policy; add --update to change it.`,
  )
}

async function unlessUnknown(asked: Promise<SubscriptionDescription>): Promise<SubscriptionDescription | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof TidingsError && error.code === 'subscription-unknown') return undefined
    throw error
  }
}
