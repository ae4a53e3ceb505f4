import { deadKey, deadRange, readException } from '../delivery/index.ts'
import { listAll } from './aside.ts'
import type { DeadLetterFilter, Redrive } from './port/dead-letters.ts'
import type { ShardRunner } from './shard-runner.ts'

/** A redrive as it stands in the ledger. */
export interface StoredRedrive extends Redrive {
  readonly generation: number
  /** Every dead letter at or below this offset was considered. */
  readonly after: number
  /** Offsets that are on their way. */
  readonly batch: readonly number[]
  /** How many batches there were. */
  readonly step: number
}

const pageSize = 500
const canarySizes = [1, 2, 5, 20, 100]

export function batchSize({ canary, step, perSecond = Infinity }: StoredRedrive): number {
  const size = canary ? (canarySizes[step] ?? pageSize) : pageSize
  return Math.min(size, Math.max(1, Math.floor(perSecond)))
}

/** How long to wait after a batch. */
export function pauseMs({ batch, perSecond }: StoredRedrive): number {
  return perSecond === undefined ? 0 : (batch.length * 1_000) / perSecond
}

/** The next dead letters of a redrive: those that were dead when it began, fit its filter and were not edited. */
export async function nextBatch(
  shards: readonly ShardRunner[],
  job: Pick<StoredRedrive, 'after' | 'edited' | 'filter' | 'startedAt'>,
  size: number,
): Promise<{ readonly batch: readonly number[]; readonly after: number; readonly edited: number }> {
  const batch: number[] = []
  let { after, edited } = job
  for (;;) {
    const page = await listAll({ shards }, { from: `${deadKey(after)}!`, to: deadRange.to }, pageSize)
    for (const { shard, entry } of page) {
      const letter = readException(entry)
      if (batch.length === size) return { batch, after, edited }
      after = letter.offset
      if ((letter.deadAt ?? 0) > job.startedAt || !(await fits(shard, letter, job.filter))) continue
      if (letter.edit === undefined) batch.push(letter.offset)
      else edited++
    }
    if (page.length < pageSize) return { batch, after, edited }
  }
}

async function fits(
  shard: ShardRunner,
  { offset, key, reason = '', deadAt = 0 }: ReturnType<typeof readException>,
  filter: DeadLetterFilter,
): Promise<boolean> {
  if (filter.key !== undefined && filter.key !== key) return false
  if (filter.reason !== undefined && !reason.includes(filter.reason)) return false
  if (filter.before !== undefined && deadAt >= filter.before) return false
  if (filter.after !== undefined && deadAt < filter.after) return false
  return filter.type === undefined || (await shard.log.fetch(offset))?.event.type === filter.type
}
