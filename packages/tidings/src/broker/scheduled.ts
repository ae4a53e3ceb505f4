import { TidingsError } from '../errors.ts'
import { dueKey, dueOf, offsetOf, scheduledRange } from '../delivery/index.ts'
import { actOn, gone, listAll, refused } from './aside.ts'
import { refusals } from './refusals.ts'
import type { CancelAnswer, ScheduledEvent, ScheduledPage } from './port/standing.ts'
import type { SubscriptionRunner } from './subscription-runner.ts'

/** What an operator sees and does of events that wait for their time. */

export async function listScheduled(
  runner: SubscriptionRunner,
  cursor: string | undefined,
  limit: number,
): Promise<ScheduledPage> {
  if (cursor !== undefined && !/^t\/\d{16}\/\d{16}$/.test(cursor)) {
    throw new TidingsError('bad-request', '"cursor" must be the "next" of a page before.')
  }
  const range = { from: cursor === undefined ? scheduledRange.from : `${cursor}!`, to: scheduledRange.to }
  const found = await listAll(runner, range, limit + 1)
  const page = found.slice(0, limit)
  const scheduled = await Promise.all(
    page.map(async ({ shard, entry }): Promise<ScheduledEvent> => {
      const offset = offsetOf(entry.key)
      const record = await shard.log.fetch(offset)
      return { position: runner.position(offset), at: dueOf(entry.key), event: record?.event ?? gone }
    }),
  )
  const last = page.at(-1)
  return found.length > limit && last ? { scheduled, next: last.entry.key } : { scheduled }
}

export async function cancel(runner: SubscriptionRunner, offsets: readonly number[]): Promise<readonly CancelAnswer[]> {
  const refuse = await refusals(runner, offsets)
  const done = await actOn(runner, offsets.map(dueKey), ({ schedule }, { key, value }, shard) => {
    schedule.cancel(offsetOf(key), Number(value))
    refuse(shard, offsetOf(key), 'It was cancelled by an operator before it was due.')
  })
  await runner.tasks?.flush()
  return Promise.all(
    offsets.map(async (offset): Promise<CancelAnswer> => {
      if (done.has(offset)) return { position: runner.position(offset), status: 'cancelled' }
      return refused(runner, offset, { code: 'scheduled-unknown', action: 'cancel' })
    }),
  )
}
