import { Option } from 'commander'
import type {
  CoalescePolicy,
  RetryPolicy,
  SubscriptionDescription,
  SubscriptionFilter,
  SubscriptionPolicy,
} from 'tidings/broker'
import { jsonObject, jsonObjects, orNone, positiveNumber, timeSpan, wholeNumber, wholeNumbers } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { UsageError } from '../failure.ts'

export interface PolicyOptions {
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
  readonly delay?: number | 'none'
  readonly expiresAfter?: number | 'none'
}

const million = { least: 1, most: 1_000_000 }
const day = { least: 0, most: 86_400_000 }
const year = { least: 0, most: 31_536_000_000 }

/** Adds the options by which a subscription gets its policy. */
export function takePolicy(command: TidingsCommand): TidingsCommand {
  return command
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
      '--delay <span>',
      'hand events out so long after they were published, as 90s or 2h, or "none"',
      orNone(timeSpan(year)),
    )
    .option(
      '--expires-after <span>',
      'remove it when nobody has consumed it for so long, as 12h or 7d, or "none"',
      orNone(timeSpan({ least: 1_000, most: 31_536_000_000 })),
    )
}

/** The policy as the options say, and as it was where they say nothing. */
export function policyOf(
  options: PolicyOptions,
  existing: SubscriptionDescription['policy'] | undefined,
): SubscriptionPolicy {
  const {
    maxInFlight: mostBefore,
    rate: rateBefore,
    coalesce: coalesceBefore,
    expiresAfterMs: expiryBefore,
    delayMs: delayBefore,
    ...rest
  } = existing ?? {}
  const { expiresAfter = expiryBefore, delay = delayBefore } = options
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
    ...(typeof delay === 'number' && { delayMs: delay }),
    ...(typeof expiresAfter === 'number' && { expiresAfterMs: expiresAfter }),
    ...(typeof perSecondNext === 'number' && {
      rate: { perSecond: perSecondNext, ...(burstNext !== undefined && { burst: burstNext }) },
    }),
  }
}

function coalesceOf(options: PolicyOptions, before: CoalescePolicy | undefined): Pick<SubscriptionPolicy, 'coalesce'> {
  const intervalMs = options.coalesceMs ?? before?.intervalMs
  const urgent = options.urgent ?? before?.urgent
  if (typeof intervalMs === 'number') return { coalesce: { intervalMs, ...(urgent && { urgent }) } }
  if (options.urgent) throw new UsageError('--urgent belongs to --coalesce-ms; say both.')
  return {}
}

function retryOf({ quickDelaysMs, minDelayMs, maxDelayMs, maxAttempts }: PolicyOptions): Partial<RetryPolicy> {
  return {
    ...(quickDelaysMs && { quickDelaysMs }),
    ...(minDelayMs !== undefined && { minDelayMs }),
    ...(maxDelayMs !== undefined && { maxDelayMs }),
    ...(maxAttempts !== undefined && { maxAttempts }),
  }
}
