import { TidingsError } from '../errors.ts'
import type { Log, TopicId } from '../engine/index.ts'
import { asideRanges, deadRange, offsetOf } from '../delivery/index.ts'
import type { Namespace } from './namespace.ts'
import type { SeekPreview, SeekRequest } from './port/standing.ts'
import type { ShardRunner } from './shard-runner.ts'
import type { SubscriptionRunner } from './subscription-runner.ts'

const pageSize = 1_000

/** The offset after which a seek goes on. */
export async function seekTarget(log: Log, namespace: Namespace, id: TopicId, to: SeekRequest['to']): Promise<number> {
  if (typeof to === 'string') return namespace.offsetAfter(id.topic, to)
  if (typeof to?.time !== 'number' || !Number.isFinite(to.time)) {
    throw new TidingsError(
      'bad-request',
      '"to" must be "beginning", "end", a position, or { "time": milliseconds since 1970 }.',
    )
  }
  const { head } = await namespace.describe(id.topic)
  return offsetBefore(log, id, to.time, head)
}

/**
 * The offset before the first event that was appended at or after a time, by bisection: about twenty reads for a million
 * events. Where the clock was set back between appends, it is a place at which the times cross.
 */
async function offsetBefore(log: Log, id: TopicId, time: number, head: number): Promise<number> {
  let low = 0
  let high = head
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const { records, until } = await log.read(id, { after: middle, limit: 1 })
    const [record] = records
    if (record ? record.appendedAt >= time : until <= middle) high = middle
    else low = Math.max(middle + 1, Math.min(until, high))
  }
  return low
}

/** What a seek to after `start` would do, with nothing done. */
export async function previewSeek(
  runner: SubscriptionRunner,
  start: number,
  head: number,
): Promise<Omit<SeekPreview, 'subscription'>> {
  const looked = Math.min(...runner.shards.map(({ machine }) => machine.state.cursor))
  const atHand = runner.shards.flatMap(({ machine }) => [...machine.state.entries.keys()])
  let aside = 0
  let deadLetters = 0
  for (const shard of runner.shards) {
    for (const range of asideRanges) {
      const found = await countAfter(shard, range, start)
      aside += found
      if (range === deadRange) deadLetters += found
    }
  }
  const open = atHand.filter((offset) => offset > start && offset <= looked).length + aside
  return {
    after: runner.position(start),
    events: head - start,
    again: Math.max(0, looked - start - open),
    deadLetters,
    leftOut: atHand.filter((offset) => offset <= Math.min(start, looked)).length + Math.max(0, start - looked),
  }
}

async function countAfter(
  shard: ShardRunner,
  range: { readonly from: string; readonly to: string },
  start: number,
): Promise<number> {
  let count = 0
  for (let { from } = range; ;) {
    const page = await shard.list({ from, to: range.to }, pageSize)
    count += page.filter(({ key }) => offsetOf(key) > start).length
    if (page.length < pageSize) return count
    from = `${page.at(-1)!.key}!`
  }
}
