import { TidingsError } from '../errors.ts'
import { dueKey, dueOf, offsetOf, scheduledRange } from '../delivery/index.ts'
import { endAside, gone, listAll } from './aside.ts'
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

export function cancel(runner: SubscriptionRunner, offsets: readonly number[]): Promise<readonly CancelAnswer[]> {
  return endAside(runner, offsets, {
    action: 'cancel',
    status: 'cancelled',
    code: 'scheduled-unknown',
    keyOf: dueKey,
    end({ schedule }, { key, value }) {
      schedule.cancel(offsetOf(key), Number(value))
      return 'It was cancelled by an operator before it was due.'
    },
  })
}
