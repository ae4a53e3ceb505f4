import { describe, expect, it } from 'vitest'
import { causeOf, type CauseKind } from './cause.ts'
import type { CopyHop, Hops, OwnerHop, SubscriptionHop, TopicHop, Values } from './hops.ts'
import { at, copy, event, held, owner, settled, table, topic, version } from './hops.fixture.ts'

const names = [undefined, 'Ann', 'Bob'] as const
const counters = [undefined, 1, 2, 3] as const
const owners: readonly (OwnerHop | undefined)[] = [
  undefined,
  ...counters.flatMap((counter) => names.map((name) => owner(counter, name))),
  owner(3, 'Bob', { unsent: [{ writtenAt: 0 }] }),
  owner(3, 'Bob', { held: [held] }),
  owner(3, 'Bob', { isListing: true }),
  { ...owner(3, undefined), isPresent: true, refusal: 'no name' },
]
const topics: readonly TopicHop[] = [undefined, event(2, undefined), event(2, 'Bob')].flatMap((newest) => [
  topic(newest),
  topic(newest, { isTrimmed: true }),
  topic(newest, { stale: event(1, 'Ann') }),
])
const states = [
  'before-start',
  'filtered',
  'skipped',
  'settled',
  'unread',
  'beyond-retention',
  'ready',
  'behind',
  'parked',
  'scheduled',
  'leased',
  'retrying',
  'waiting',
  'dead',
] as const
const subscriptions: readonly (SubscriptionHop | undefined)[] = [
  undefined,
  { ...settled, isAheadOfCopy: true },
  ...states.map((state) => at(state, { reason: '', attempts: 1 })),
]
const copies: readonly CopyHop[] = [
  ...names.flatMap((name) => [...counters.slice(1).map((counter) => copy(counter, name)), table(name)]),
  copy(undefined, undefined, { deletedVersion: version(2, false) }),
]

/** Whether a hop has what another one has: the names stand for the values. */
const nameIn = (values: Values | undefined): string | undefined => values?.get('name')

describe('causeOf() of every combination', () => {
  const upstream = new Set<CauseKind>(['never-published', 'not-relayed', 'refused', 'restored', 'erased'])
  const all = owners.flatMap((owned) =>
    topics.flatMap((told) =>
      subscriptions.flatMap((known) =>
        copies.map((copied) => ({ owned, told, known, copied, hops: hopsOf({ owned, told, known, copied }) })),
      ),
    ),
  )

  it('blames the first hop that does not have what the one before it told, and nobody where all is well', () => {
    for (const { owned, told, copied, hops } of all) {
      const { kind } = causeOf(hops)
      const what = JSON.stringify(hops, (_, value: unknown) => (value instanceof Map ? [...value] : value))
      const isEqual =
        owned !== undefined && owned.refusal === undefined && nameIn(owned.values) === nameIn(copied.values)
      expect(kind === 'none', what).toBe(isEqual)
      if (isEqual || !owned) continue
      const isSaid = nameIn(owned.values) === nameIn(told.newest?.values) && owned.refusal === undefined
      // Where the topic has nothing of a key, nothing may be told of it either.
      if (told.newest) expect(upstream.has(kind) && !(kind === 'restored' && isSaid), what).toBe(!isSaid)
    }
  })

  it('has the owner publish again only what that mends', () => {
    const mended = new Set<CauseKind>([
      'never-published',
      'restored',
      'beyond-retention',
      'effect-missing',
      'out-of-order',
      'written-locally',
      'deleted-behind',
    ])
    for (const { hops } of all) {
      const { kind, mend } = causeOf(hops)
      if (mend.action === 'publish-again') expect(mended).toContain(kind)
      if (mend.action === 'redrive') expect(['dead-lettered', 'parked']).toContain(kind)
      if (mend.action === 'release') expect(kind).toBe('refused')
    }
  })

  it('is unknown only where nobody was asked or nobody knows', () => {
    for (const { owned, told, known, hops } of all) {
      if (causeOf(hops).kind !== 'unknown') continue
      expect(owned === undefined || known?.explanation === undefined || told.newest === undefined).toBe(true)
    }
  })
})

function hopsOf({
  owned,
  told,
  known,
  copied,
}: {
  owned: Hops['owner']
  told: Hops['topic']
  known: Hops['subscription']
  copied: Hops['copy']
}): Hops {
  return { key: 'c1', topic: told, copy: copied, ...(owned && { owner: owned }), ...(known && { subscription: known }) }
}
