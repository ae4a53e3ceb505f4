import { TidingsError } from '../errors.ts'
import type { LedgerEntry } from '../engine/index.ts'
import type { Event, Position } from '../event/index.ts'
import { deadKey, deadRange, offsetOf, parkedBehind, readException, type StoredException } from '../delivery/index.ts'
import { actOn, endAside, gone, listAll, refused } from './aside.ts'
import { makeEdit } from './edits.ts'
import type { DeadLetter, DeadLetterPage, DiscardAnswer, RedriveAnswer, ReplaceAnswer } from './port/dead-letters.ts'
import type { ShardRunner } from './shard-runner.ts'
import type { SubscriptionRunner } from './subscription-runner.ts'

/** What an operator sees and does of dead letters. */

const pageSize = 1_000

export async function listDeadLetters(
  runner: SubscriptionRunner,
  after: number,
  limit: number,
): Promise<DeadLetterPage> {
  const range = { from: `${deadKey(after)}!`, to: deadRange.to }
  const found = await listAll(runner, range, limit + 1)
  const deadLetters = await Promise.all(
    found.slice(0, limit).map(({ shard, entry }) => describeDeadLetter(runner, shard, entry)),
  )
  const last = deadLetters.at(-1)
  return found.length > limit && last ? { deadLetters, next: last.position } : { deadLetters }
}

async function describeDeadLetter(
  runner: SubscriptionRunner,
  shard: ShardRunner,
  entry: LedgerEntry,
): Promise<DeadLetter> {
  const { offset, key, reason = '', attempts, deadAt = 0, edit } = readException(entry)
  const record = await shard.log.fetch(offset)
  const edited = record && edit !== undefined ? await shard.edited(record) : undefined
  return {
    position: runner.position(offset),
    reason,
    attempts,
    at: deadAt,
    parked: parkedBehind(shard.machine, offset, key),
    ...(edited ? { replaced: edited.replaced } : {}),
    event: edited?.event ?? record?.event ?? gone,
  }
}

export async function redrive(
  runner: SubscriptionRunner,
  offsets: readonly number[] | 'all',
  edit: number,
): Promise<readonly RedriveAnswer[]> {
  const wanted = offsets === 'all' ? await deadOffsets(runner) : offsets
  const edited = new Map<number, number>()
  const found = await actOn(runner, wanted.map(deadKey), ({ aside }, entry) => {
    const stored = readException(entry)
    if (editOf(stored) === edit) aside.redrive(stored)
    else edited.set(stored.offset, editOf(stored))
  })
  // Of all of them, one that somebody else has dealt with meanwhile is none any more.
  const answered = offsets === 'all' ? wanted.filter((offset) => found.has(offset)) : wanted
  return Promise.all(
    answered.map(async (offset): Promise<RedriveAnswer> => {
      const position = runner.position(offset)
      const present = edited.get(offset)
      if (present !== undefined) return { status: 'refused', ...editRefusal(position, present, edit) }
      if (found.has(offset)) return { position, status: 'redriven' }
      return refused(runner, offset, { code: 'dead-letter-unknown', action: 'redrive' })
    }),
  )
}

/** Hands a dead letter back as `rewrite` makes it, which may refuse. */
export async function replace(
  runner: SubscriptionRunner,
  { offset, edit, by, at }: { offset: number; edit: number; by: string; at: number },
  rewrite: (event: Event) => Event,
): Promise<ReplaceAnswer> {
  const position = runner.position(offset)
  const record = await runner.shards[0]!.log.fetch(offset)
  if (!record) throw await unknown(runner, offset)
  const replaced = { edit: edit + 1, by, at }
  const stored = makeEdit(rewrite(record.event), replaced)
  let present = edit
  const found = await actOn(runner, [deadKey(offset)], ({ aside }, entry) => {
    const letter = readException(entry)
    present = editOf(letter)
    if (present === edit) aside.replace(letter, stored)
  })
  if (!found.has(offset)) throw await unknown(runner, offset)
  if (present === edit) return { position, replaced }
  const { code, message } = editRefusal(position, present, edit)
  throw new TidingsError(code, message, { details: { position, edit: present } })
}

async function unknown(runner: SubscriptionRunner, offset: number): Promise<TidingsError> {
  const { code, message, position } = await refused(runner, offset, { code: 'dead-letter-unknown', action: 'replace' })
  return new TidingsError(code, message, { details: { position } })
}

export function discard(runner: SubscriptionRunner, offsets: readonly number[]): Promise<readonly DiscardAnswer[]> {
  return endAside(runner, offsets, {
    action: 'discard',
    status: 'discarded',
    code: 'dead-letter-unknown',
    keyOf: deadKey,
    end({ aside }, entry) {
      const letter = readException(entry)
      aside.discard(letter)
      return `It was given up by an operator: ${letter.reason ?? 'it failed'}`
    },
  })
}

function editOf({ edit = 0 }: StoredException): number {
  return edit
}

function editRefusal(
  position: Position,
  present: number,
  wanted: number,
): { position: Position; code: 'dead-letter-edited'; message: string } {
  const state = present === 0 ? 'was not edited' : `was replaced by an operator and has edit ${present}`
  const message = `The dead letter ${position} ${state}, and the request means edit ${wanted}; look at it in the list of dead letters, then say which edit you mean with "edit": ${present}.`
  return { position, code: 'dead-letter-edited', message }
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
