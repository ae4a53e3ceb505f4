import { explainDrift, isRepairable, repairDrift, type Cause, type CauseKind } from 'tidings/drift'
import { mulberry32 } from 'tidings/testing'
import { compare } from 'tidings/verify'
import type { PostgresTest } from '@tidings/tools/postgres'
import { expect } from 'vitest'
import { ready, topic, type Copy } from './copies.fixture.ts'
import { faults, reform, refuseNames, type Fault } from './faults.fixture.ts'
import { openWorld, operator, type World } from './world.fixture.ts'
import { startWriters, type Written } from './writers.fixture.ts'

export interface RoundOptions {
  readonly seed: number
  readonly rows: number
  /** Of each kind. */
  readonly faultsOfEach: number
  readonly writesPerSecond: number
}

export interface Round {
  /** How many faults were done. */
  readonly done: number
  /** In how many copies at how many keys one was found, with its cause; nothing else was. */
  readonly found: number
  /** Of the full pass over each copy. */
  readonly passMs: readonly number[]
  /** Of the repair of each copy, until a pass over it found nothing. */
  readonly repairMs: readonly number[]
  /** What was written meanwhile, and how much of it in a second. */
  readonly written: Written
}

/** By copy and key: what has to be found there. */
type Expected = ReadonlyMap<Copy['name'], Map<string, CauseKind>>

const patienceMs = 1_000
/** Repairs may uncover another fault of the same key, and what was tried again may take its time. */
const mostRepairs = 10

/**
 * Does every kind of fault to keys at random places, while others are written at a steady rate; then every copy is compared
 * with its owner: all faults are found and nothing else is, each with its cause; they are repaired, and all is equal.
 */
export async function playFaults(test: PostgresTest, options: RoundOptions): Promise<Round> {
  await using world = await openWorld(test, options)
  const { chosen, others } = choose(options)
  for (const [fault, keys] of chosen) await fault.prepare?.(world, keys)
  await allApplied(world)
  await refuseNames(world, '^Bad')
  const expected: Expected = new Map(world.copies.map(({ name }) => [name, new Map()]))
  const { seed, writesPerSecond } = options
  await using writers = startWriters({ url: world.ownerUrl, keys: others, seed, perSecond: writesPerSecond })
  for (const [fault, keys] of chosen) {
    for (const key of keys) {
      await fault.inject(world, key)
      const seenAt = fault.name.endsWith('invented') ? `invented-${key}` : key
      for (const copy of fault.copies) expected.get(copy)!.set(seenAt, fault.cause)
    }
  }
  const passMs: number[] = []
  for (const copy of world.copies) {
    const keys = [...expected.get(copy.name)!.keys()]
    await explainedAs(world, copy, { keys, expected: expected.get(copy.name)! })
    const begunAt = performance.now()
    const found = await differences(world, copy)
    passMs.push(performance.now() - begunAt)
    const causes = await explainedAs(world, copy, { keys: found, expected: expected.get(copy.name)! })
    expect(byKey(causes), `what is different in ${copy.name}`).toEqual(expected.get(copy.name))
  }
  await reform(world)
  const repairMs: number[] = []
  for (const copy of world.copies) {
    const begunAt = performance.now()
    await repaired(world, copy)
    repairMs.push(performance.now() - begunAt)
  }
  const written = await writers.stop()
  await allApplied(world)
  for (const copy of world.copies) expect(await differences(world, copy), `${copy.name} at the end`).toEqual([])
  const done = faults.length * options.faultsOfEach
  const found = [...expected.values()].reduce((sum, keys) => sum + keys.size, 0)
  return { done, found, passMs, repairMs, written }
}

/** Which keys get which fault: all over the table, by the seed; and those that are left for the writers. */
function choose({ seed, rows, faultsOfEach }: RoundOptions): {
  readonly chosen: ReadonlyMap<Fault, readonly string[]>
  readonly others: readonly string[]
} {
  const random = mulberry32(seed)
  const places = new Set<number>()
  while (places.size < faults.length * faultsOfEach) places.add(1 + Math.floor(random() * rows))
  const keys = [...places].map((place) => `c${place}`)
  const chosen = new Map(
    faults.map((fault, index) => [fault, keys.slice(index * faultsOfEach, (index + 1) * faultsOfEach)]),
  )
  const others: string[] = []
  for (let place = 1; place <= rows && others.length < 50_000; place++) if (!places.has(place)) others.push(`c${place}`)
  return { chosen, others }
}

async function differences(world: World, copy: Copy): Promise<readonly string[]> {
  const [source, side] = [await world.source(), await copy.side()]
  const found: string[] = []
  await compare({ source, copy: side, patienceMs, onDifference: ({ key }) => found.push(key) })
  return found.sort()
}

function explain({ broker, owner }: World, copy: Copy, keys: readonly string[]): Promise<readonly Cause[]> {
  return explainDrift({ broker, caller: operator, owner, copy: copy.inspected }, keys)
}

function byKey(causes: readonly Cause[]): ReadonlyMap<string, CauseKind> {
  return new Map(causes.map(({ key, kind }) => [key, kind]))
}

/**
 * Waits until what was done has gone as far as it goes, from the owner to the broker and from the broker to the handler,
 * which may be trying once more at the very moment.
 */
async function explainedAs(
  world: World,
  copy: Copy,
  { keys, expected }: { readonly keys: readonly string[]; readonly expected: ReadonlyMap<string, CauseKind> },
): Promise<readonly Cause[]> {
  const until = performance.now() + 20_000
  let causes: readonly Cause[] = []
  await ready(async () => {
    causes = await explain(world, copy, keys)
    return performance.now() > until || causes.every(({ key, kind }) => expected.get(key) === kind)
  })
  return causes
}

/** Repairs a copy until nothing is different any more that can be repaired. */
async function repaired(world: World, copy: Copy): Promise<void> {
  const { broker, owner } = world
  for (let times = 0; ; times++) {
    const causes = await explain(world, copy, await differences(world, copy))
    if (causes.length === 0) return
    expect(times, `${copy.name} is still different: ${JSON.stringify(causes)}`).toBeLessThan(mostRepairs)
    const { subscription } = copy.inspected
    const done = await repairDrift({ broker, caller: operator, owner, subscription }, causes)
    for (const [index, { outcome }] of done.entries()) {
      expect(outcome, JSON.stringify([causes[index], done[index]])).not.toBe('refused')
      expect(outcome === 'left').toBe(!isRepairable(causes[index]!))
    }
  }
}

/** Waits until the outbox is empty and every subscription has settled everything. */
export async function allApplied(world: World): Promise<void> {
  const { broker, crm } = world
  await ready(async () => (await crm().stats()).outbox.pending === 0)
  const { head } = await broker.topic(operator, topic)
  const number = (position: string): number => Number(position.split('.')[1])
  for (const { inspected } of world.copies) {
    await ready(async () => number((await broker.stats(operator, inspected.subscription)).floor) >= number(head))
  }
}
