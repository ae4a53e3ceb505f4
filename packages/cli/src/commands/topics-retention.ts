import type { RetentionPolicy, TopicDescription } from 'tidings/broker'
import { byteSize, timeSpan, wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { UsageError } from '../failure.ts'
import { count, duration, size, time } from '../text.ts'

export interface RetentionOptions {
  readonly maxAge?: number
  readonly maxEvents?: number
  readonly maxSize?: number
  readonly tombstones?: number
  readonly overtakes?: boolean
  readonly keepAll?: boolean
}

const span = timeSpan({ least: 1, most: Number.MAX_SAFE_INTEGER })

/** What a topic may remove. */
export function addRetentionOptions(create: TidingsCommand): TidingsCommand {
  return create
    .option('--max-age <span>', 'events may go when they are older, as 12h or 7d', span)
    .option('--max-size <bytes>', 'events may go when the newer ones have so many bytes, as 512MiB or 10GB', byteSize)
    .option(
      '--max-events <count>',
      'events may go when there are so many newer ones',
      wholeNumber({ least: 1, most: Number.MAX_SAFE_INTEGER }),
    )
    .option('--tombstones <span>', 'of what may go, tombstones of entities stay for so long (30d)', span)
    .option('--overtakes', 'events go although subscriptions still need them, which lose them')
    .option('--no-overtakes', 'events stay as long as a subscription needs them')
    .option('--keep-all', 'nothing goes: the topic has no bounds any more')
}

/** What was asked for beside what there is; `undefined` leaves it as it is. */
export function retentionOf(
  { maxAge, maxEvents, maxSize, tombstones, overtakes, keepAll }: RetentionOptions,
  before: RetentionPolicy | undefined,
): RetentionPolicy | 'none' | undefined {
  const wanted = {
    ...(maxAge !== undefined && { maxAgeMs: maxAge }),
    ...(maxEvents !== undefined && { maxEvents }),
    ...(maxSize !== undefined && { maxBytes: maxSize }),
    ...(tombstones !== undefined && { tombstonesMs: tombstones }),
    ...(overtakes !== undefined && { overtakes }),
  }
  const isEmpty = Object.keys(wanted).length === 0
  if (keepAll && !isEmpty) throw new UsageError('--keep-all takes every bound away; leave out the others.')
  if (keepAll) return 'none'
  return isEmpty ? undefined : { ...before, ...wanted }
}

export function retentionFields({
  retention,
  held,
  overtaken = [],
}: TopicDescription): [name: string, value: string][] {
  const lines: [string, string][] = [['retention', retention ? inWords(retention) : 'keeps everything']]
  if (held) {
    const { subscription, events, oldestMs } = held
    lines.push([
      'held by',
      `${subscription}, ${count(events, 'event')}, the oldest for ${duration(oldestMs)}; let it catch up, or: tidings subscriptions remove ${subscription}, or: tidings subscriptions create ${subscription} --update --expires-after 7d`,
    ])
  }
  for (const { subscription, events, since } of overtaken) {
    lines.push(['overtaken', `${subscription} has lost ${count(events, 'event')} since ${time(since)}`])
  }
  return lines
}

function inWords({ maxAgeMs, maxEvents, maxBytes, overtakes }: RetentionPolicy): string {
  const bounds = [
    ...(maxAgeMs === undefined ? [] : [duration(maxAgeMs)]),
    ...(maxEvents === undefined ? [] : [count(maxEvents, 'event')]),
    ...(maxBytes === undefined ? [] : [size(maxBytes)]),
  ]
  return `${bounds.join(', ')}; ${overtakes ? 'whatever subscriptions still need' : 'and what subscriptions still need'}`
}
