import { TidingsError, type ErrorCode } from '../errors.ts'
import {
  deadKey,
  deadRange,
  dueKey,
  dueOf,
  offsetOf,
  parkedBehind,
  readException,
  scheduledRange,
  type DeliveryMachine,
} from '../delivery/index.ts'
import type { LedgerEntry } from '../engine/index.ts'
import type { Event, Position } from '../event/index.ts'
import type * as port from './port.ts'
import type { ShardRunner } from './shard-runner.ts'
import type { SubscriptionRunner } from './subscription-runner.ts'

/** What an operator sees and does of events that are aside: dead letters and those that wait for their time. */

const pageSize = 1_000
const gone: Event = { id: 'gone', source: 'gone', type: 'gone' }

export async function listDeadLetters(
  runner: SubscriptionRunner,
  after: number,
  limit: number,
): Promise<port.DeadLetterPage> {
  const range = { from: `${deadKey(after)}!`, to: deadRange.to }
  const found = await listAll(runner, range, limit)
  const deadLetters = await Promise.all(
    found.slice(0, limit).map(async ({ shard, entry }): Promise<port.DeadLetter> => {
      const { offset, key, reason = '', attempts, deadAt = 0 } = readException(entry)
      const record = await shard.fetch(offset)
      return {
        position: runner.position(offset),
        reason,
        attempts,
        at: deadAt,
        parked: parkedBehind(shard.machine, offset, key),
        event: record?.event ?? gone,
      }
    }),
  )
  const last = deadLetters.at(-1)
  return found.length > limit && last ? { deadLetters, next: last.position } : { deadLetters }
}

export async function redrive(
  runner: SubscriptionRunner,
  offsets: readonly number[] | 'all',
): Promise<readonly port.RedriveAnswer[]> {
  const wanted = offsets === 'all' ? await deadOffsets(runner) : offsets
  const done = await onDeadLetters(runner, wanted, ({ aside }, entry) => aside.redrive(readException(entry)))
  const answered = offsets === 'all' ? wanted.filter((offset) => done.has(offset)) : wanted
  return answered.map((offset) => answer(runner, offset, done, 'redriven', noDeadLetter))
}

export async function discard(
  runner: SubscriptionRunner,
  offsets: readonly number[],
): Promise<readonly port.DiscardAnswer[]> {
  const done = await onDeadLetters(runner, offsets, ({ aside }, entry) => aside.discard(readException(entry)))
  return offsets.map((offset) => answer(runner, offset, done, 'discarded', noDeadLetter))
}

async function deadOffsets(runner: SubscriptionRunner): Promise<readonly number[]> {
  const offsets: number[] = []
  for (const shard of runner.shards) {
    for (let { from } = deadRange as { from: string }; ;) {
      const page = await shard.list({ from, to: deadRange.to }, pageSize)
      offsets.push(...page.map(({ key }) => offsetOf(key)))
      if (page.length < pageSize) break
      from = `${page.at(-1)!.key}!`
    }
  }
  return offsets.sort((left, right) => left - right)
}

function onDeadLetters(
  runner: SubscriptionRunner,
  offsets: readonly number[],
  action: (machine: DeliveryMachine, entry: LedgerEntry) => void,
): Promise<ReadonlySet<number>> {
  return act(runner, offsets.map(deadKey), action)
}

// -------------------------------------------------------------------------------------------------------------- schedule

export async function listScheduled(
  runner: SubscriptionRunner,
  cursor: string | undefined,
  limit: number,
): Promise<port.ScheduledPage> {
  if (cursor !== undefined && !/^t\/\d{16}\/\d{16}$/.test(cursor)) {
    throw new TidingsError('bad-request', '"cursor" must be the "next" of a page before.')
  }
  const range = { from: cursor === undefined ? scheduledRange.from : `${cursor}!`, to: scheduledRange.to }
  const found = await listAll(runner, range, limit)
  const page = found.slice(0, limit)
  const scheduled = await Promise.all(
    page.map(async ({ shard, entry }): Promise<port.ScheduledEvent> => {
      const offset = offsetOf(entry.key)
      const record = await shard.fetch(offset)
      return { position: runner.position(offset), at: dueOf(entry.key), event: record?.event ?? gone }
    }),
  )
  const last = page.at(-1)
  return found.length > limit && last ? { scheduled, next: last.entry.key } : { scheduled }
}

export async function cancel(
  runner: SubscriptionRunner,
  offsets: readonly number[],
): Promise<readonly port.CancelAnswer[]> {
  const done = await act(runner, offsets.map(dueKey), ({ schedule }, { key, value }) =>
    schedule.cancel(offsetOf(key), Number(value)),
  )
  return offsets.map((offset) => answer(runner, offset, done, 'cancelled', notScheduled))
}

// ---------------------------------------------------------------------------------------------------------------- shared

const noDeadLetter = {
  code: 'dead-letter-unknown',
  message: 'There is no dead letter at this position: it was redriven, discarded, superseded, or never was one.',
} as const
const notScheduled = {
  code: 'scheduled-unknown',
  message: 'Nothing at this position waits for its time: it was handed out, cancelled, or never was scheduled.',
} as const

function answer<Status extends string, Code extends ErrorCode>(
  runner: SubscriptionRunner,
  offset: number,
  done: ReadonlySet<number>,
  status: Status,
  refusal: { readonly code: Code; readonly message: string },
): { position: Position; status: Status } | { position: Position; status: 'refused'; code: Code; message: string } {
  const position = runner.position(offset)
  return done.has(offset) ? { position, status } : { position, status: 'refused', ...refusal }
}

/** Acts on the entries with these keys, in whichever shard they are; answers the offsets of those that were there. */
async function act(
  runner: SubscriptionRunner,
  keys: readonly string[],
  action: (machine: DeliveryMachine, entry: LedgerEntry) => void,
): Promise<ReadonlySet<number>> {
  const found = await Promise.all(
    runner.shards.map((shard) => shard.act(keys, (entry) => action(shard.machine, entry))),
  )
  return new Set(found.flat().map(({ key }) => offsetOf(key)))
}

/** The first entries of a range over all shards, one more than `limit` where there are more, in the order of their keys. */
async function listAll(
  runner: SubscriptionRunner,
  range: { readonly from: string; readonly to: string },
  limit: number,
): Promise<readonly { readonly shard: ShardRunner; readonly entry: LedgerEntry }[]> {
  const pages = await Promise.all(
    runner.shards.map(async (shard) => (await shard.list(range, limit + 1)).map((entry) => ({ shard, entry }))),
  )
  return pages.flat().sort((left, right) => (left.entry.key < right.entry.key ? -1 : 1))
}
