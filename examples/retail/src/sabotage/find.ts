import { setTimeout as pause } from 'node:timers/promises'
import { explainDrift, isRepairable, repairDrift, type Cause } from 'tidings/drift'
import { compareCopy } from '../proof/copies.ts'
import { besideOwner, operator, ownerOfCustomers, type StageCopy } from '../tidings/copies.ts'
import type { Stage } from '../tidings/stage.ts'

/** What is different in one copy, and why. */
export interface CopyDrift {
  readonly copy: StageCopy
  readonly causes: readonly Cause[]
}

const lookAgainMs = 200
const mostLooks = 10

/** Compares every copy with its owner and asks why it is different, wherever it is. */
export async function findDrift(stage: Stage, copies: readonly StageCopy[]): Promise<readonly CopyDrift[]> {
  const found: CopyDrift[] = []
  for (const copy of copies) {
    const { differences } = await compareCopy(await besideOwner(stage, copy))
    found.push({
      copy,
      causes: await explain(
        stage,
        copy,
        differences.map(({ key }) => key),
      ),
    })
  }
  return found
}

/** Asks again while something is with its consumer, who has not said yet what came of it. */
async function explain(stage: Stage, { inspected }: StageCopy, keys: readonly string[]): Promise<readonly Cause[]> {
  const options = { broker: stage.broker, caller: operator, owner: await ownerOfCustomers(stage), copy: inspected }
  for (let look = 1; ; look += 1) {
    const causes = await explainDrift(options, keys)
    const isMoving = causes.some(({ kind }) => kind === 'not-delivered' || kind === 'changing')
    if (!isMoving || look === mostLooks) return causes
    await pause(lookAgainMs)
  }
}

export interface Repair {
  /** How many times the copies were compared until nothing was different. */
  readonly looks: number
  readonly published: number
  readonly redriven: number
  readonly refused: number
  /** Still different, after so many looks. */
  readonly left: number
}

const mostRepairs = 60

/** Compares, explains and repairs until nothing is different any more: what mends itself is waited for. */
export async function repairAll(stage: Stage, copies: readonly StageCopy[]): Promise<Repair> {
  const counts = { published: 0, redriven: 0, refused: 0, left: 0 }
  for (let looks = 1; ; looks += 1) {
    const found = await findDrift(stage, copies)
    const left = found.reduce((sum, { causes }) => sum + causes.length, 0)
    if (left === 0 || looks === mostRepairs) return { ...counts, looks, left }
    const owner = await ownerOfCustomers(stage)
    for (const { copy, causes } of found) {
      const { subscription } = copy.inspected
      const repairable = causes.filter(isRepairable)
      const done = await repairDrift({ broker: stage.broker, caller: operator, owner, subscription }, repairable)
      for (const { outcome } of done) counts[outcome] += 1
    }
  }
}
