import { describe, expect, it } from 'vitest'
import type { Explanation } from '../broker/port/standing.ts'
import { causeOf, type CauseKind, type Mend } from './cause.ts'
import type { CopyHop, Hops, OwnerHop, SubscriptionHop, TopicEvent, TopicHop, Values } from './hops.ts'
import { versionText } from './version-text.ts'

const version = (counter: number, isPresent = true) =>
  versionText({ sourceepoch: 0, sequence: String(counter) }, isPresent)
const named = (name: string): Values => new Map([['name', JSON.stringify(name)]])

const event = (counter: number, name: string | undefined): TopicEvent => ({
  position: `life.${counter}`,
  version: version(counter, name !== undefined),
  isDeleted: name === undefined,
  isErased: false,
  ...(name !== undefined && { values: named(name) }),
  appendedAt: 0,
})

const owner = (counter: number | undefined, name: string | undefined, more: Partial<OwnerHop> = {}): OwnerHop => ({
  isPresent: name !== undefined,
  ...(name !== undefined && { values: named(name) }),
  ...(counter !== undefined && { version: version(counter, name !== undefined) }),
  unsent: [],
  held: [],
  isListing: false,
  ...more,
})

const topic = (newest: TopicEvent | undefined, more: Partial<TopicHop> = {}): TopicHop => ({
  ...(newest && { newest }),
  earlier: [event(1, 'Ann')],
  isTrimmed: false,
  ...more,
})

const copy = (counter: number | undefined, name: string | undefined, more: Partial<CopyHop> = {}): CopyHop => ({
  keepsVersions: true,
  ...(name !== undefined && { values: named(name) }),
  ...(counter !== undefined && { version: version(counter) }),
  ...more,
})

const table = (name: string | undefined): CopyHop => ({
  keepsVersions: false,
  ...(name !== undefined && { values: named(name) }),
})

const at = (state: Explanation['state'], more: object = {}): SubscriptionHop => ({
  subscription: 'mail.replica',
  isAheadOfCopy: false,
  explanation: { position: 'life.2', state, actions: [], ...more } as unknown as Explanation,
})

const held = { heldAt: 0, code: 'schema-violation', reason: 'no name' }
const settled = at('settled')
/** Everybody has version 2, "Bob", after version 1, "Ann"; each case says what is not so. */
const sound: Hops = {
  key: 'c1',
  owner: owner(2, 'Bob'),
  topic: topic(event(2, 'Bob')),
  subscription: settled,
  copy: copy(2, 'Bob'),
}
/** The same of an entity that is deleted. */
const gone: Hops = {
  ...sound,
  owner: owner(2, undefined),
  topic: topic(event(2, undefined)),
  copy: copy(undefined, undefined),
}

/** What is `undefined` was not asked. */
type Seen = { readonly [Hop in keyof Hops]?: Hops[Hop] | undefined }
type Case = readonly [what: string, seen: Seen, kind: CauseKind, action: Mend['action'], base?: Hops]

const cases: readonly Case[] = [
  ['everything is equal', {}, 'none', 'none'],
  ['the entity is gone everywhere', {}, 'none', 'none', gone],
  ['it is written all the time', { copy: copy(1, 'Ann'), isChanging: true }, 'changing', 'wait'],

  // Between the owner and the topic.
  ['the row was written around the outbox', { owner: owner(2, 'Eve') }, 'never-published', 'publish-again'],
  [
    'the row was inserted around it',
    { owner: owner(undefined, 'Eve'), topic: topic(undefined), copy: copy(undefined, undefined) },
    'never-published',
    'publish-again',
  ],
  [
    'the row was deleted around it',
    { owner: { ...owner(2, 'Bob'), isPresent: false } },
    'never-published',
    'publish-again',
  ],
  [
    'the row came back around it',
    { owner: { ...owner(2, undefined), isPresent: true, values: named('Eve') } },
    'never-published',
    'publish-again',
    gone,
  ],
  ['its row was taken out of the outbox', { owner: owner(3, 'Eve') }, 'never-published', 'publish-again'],
  [
    'the first one was taken out',
    { owner: owner(1, 'Eve'), topic: topic(undefined), copy: copy(undefined, undefined) },
    'never-published',
    'publish-again',
  ],
  ['the deletion was taken out', { owner: owner(3, undefined) }, 'never-published', 'publish-again'],
  [
    'the only deletion was taken out',
    { owner: owner(1, undefined), topic: topic(undefined), copy: copy(1, 'Ann') },
    'never-published',
    'publish-again',
  ],
  ['it waits for the relay', { owner: owner(3, 'Eve', { unsent: [{ writtenAt: 0 }] }) }, 'not-relayed', 'wait'],
  [
    'its deletion waits for the relay',
    { owner: owner(3, undefined, { unsent: [{ writtenAt: 0 }] }) },
    'not-relayed',
    'wait',
  ],
  ['the broker refused it', { owner: owner(3, 'Eve', { held: [held] }) }, 'refused', 'release'],
  [
    'it waits behind what was refused',
    { owner: owner(4, 'Eve', { held: [held], unsent: [{ writtenAt: 0 }] }) },
    'refused',
    'release',
  ],
  [
    'the contract refuses the row',
    { owner: { ...owner(2, undefined), version: version(2), isPresent: true, refusal: 'no name' } },
    'refused',
    'decide',
  ],
  ['everything is being listed', { owner: owner(1, 'Ann', { isListing: true }) }, 'restored', 'wait'],
  ['the owner was restored', { owner: owner(1, 'Ann') }, 'restored', 'publish-again'],
  ['the owner was restored to before it', { owner: owner(undefined, undefined) }, 'restored', 'publish-again'],
  ['the counter was removed', { owner: owner(undefined, 'Eve') }, 'restored', 'publish-again'],
  [
    'the counter was set back, and a change is stale',
    { owner: owner(2, 'Eve'), topic: topic(event(2, 'Bob'), { stale: event(2, 'Eve') }) },
    'restored',
    'publish-again',
  ],
  ['it was erased', { topic: topic(event(2, undefined)), copy: copy(undefined, undefined) }, 'erased', 'decide'],
  [
    'what was published last was erased',
    { owner: owner(2, 'Eve'), topic: topic({ ...event(2, undefined), isDeleted: false, isErased: true }) },
    'erased',
    'decide',
  ],

  // At the subscription.
  ...(['unread', 'ready', 'behind', 'leased', 'scheduled', 'waiting'] as const).map((state): Case => [
    `it is ${state}`,
    { subscription: at(state), copy: copy(1, 'Ann') },
    'not-delivered',
    'wait',
  ]),
  [
    'the subscription is paused',
    { subscription: at('ready', { heldBack: 'paused' }), copy: copy(1, 'Ann') },
    'not-delivered',
    'decide',
  ],
  [
    'it is tried again',
    { subscription: at('retrying', { attempts: 2, reason: 'no' }), copy: copy(1, 'Ann') },
    'retrying',
    'wait',
  ],
  ['it is dead', { subscription: at('dead', { reason: 'no' }), copy: copy(1, 'Ann') }, 'dead-lettered', 'redrive'],
  ['it is parked', { subscription: at('parked', { deadLetter: 'life.1' }), copy: copy(1, 'Ann') }, 'parked', 'redrive'],
  ['it is parked behind others', { subscription: at('parked'), copy: copy(1, 'Ann') }, 'parked', 'wait'],
  ['the filter leaves it out', { subscription: at('filtered'), copy: copy(1, 'Ann') }, 'not-wanted', 'decide'],
  [
    'the subscription of a table began after it',
    { subscription: at('before-start'), copy: table('Ann') },
    'not-wanted',
    'decide',
  ],
  ['it was skipped', { subscription: at('skipped'), copy: copy(1, 'Ann') }, 'beyond-retention', 'publish-again'],
  [
    'it was removed',
    { subscription: at('beyond-retention'), copy: copy(1, 'Ann') },
    'beyond-retention',
    'publish-again',
  ],
  [
    'its deletion was removed',
    { topic: topic(undefined, { isTrimmed: true }), copy: copy(1, 'Ann') },
    'beyond-retention',
    'publish-again',
    gone,
  ],

  // In the copy.
  ['the handler did something else', { copy: table('Ann') }, 'effect-missing', 'publish-again'],
  ['the handler did nothing', { copy: table(undefined) }, 'effect-missing', 'publish-again'],
  ['the handler did not delete', { copy: table('Ann') }, 'effect-missing', 'publish-again', gone],
  ['an older state was applied last', { copy: copy(1, 'Ann') }, 'out-of-order', 'publish-again'],
  [
    'an older state that nobody has any more',
    { copy: copy(1, 'Ann'), topic: topic(event(2, 'Bob'), { earlier: [] }) },
    'out-of-order',
    'publish-again',
  ],
  ['an older state was applied after the deletion', { copy: copy(1, 'Ann') }, 'out-of-order', 'publish-again', gone],
  [
    'the same, of what was listed',
    { copy: copy(1, 'Ann'), subscription: at('before-start') },
    'out-of-order',
    'publish-again',
  ],
  ['the row was edited in the copy', { copy: copy(2, 'Eve') }, 'written-locally', 'publish-again'],
  [
    'what was listed was edited there',
    { copy: copy(2, 'Eve'), subscription: at('before-start') },
    'written-locally',
    'publish-again',
  ],
  ['an older row was edited there', { copy: copy(1, 'Eve') }, 'written-locally', 'publish-again'],
  [
    'a row was inserted there',
    { topic: topic(undefined), owner: owner(undefined, undefined), copy: copy(1, 'Eve') },
    'written-locally',
    'publish-again',
  ],
  [
    'the same, of a topic that was trimmed',
    { topic: topic(undefined, { isTrimmed: true }), owner: owner(undefined, undefined), copy: copy(1, 'Eve') },
    'written-locally',
    'publish-again',
  ],
  ['a deleted row was inserted there', { copy: copy(3, 'Eve') }, 'written-locally', 'publish-again', gone],
  ['a version was invented there', { copy: copy(9, 'Eve') }, 'written-locally', 'publish-again'],
  ['no version was written there', { copy: { ...copy(2, 'Eve'), version: 'x' } }, 'written-locally', 'rebuild'],
  ['the row was deleted in the copy', { copy: copy(undefined, undefined) }, 'deleted-behind', 'publish-again'],
  [
    'the copy was restored',
    { copy: copy(1, 'Ann'), subscription: { ...settled, isAheadOfCopy: true } },
    'restored',
    'wait',
  ],

  // Where something was not asked or is not there.
  ['the subscription is not there', { subscription: undefined, copy: copy(1, 'Ann') }, 'unknown', 'decide'],
  [
    'nobody knows the event there',
    { subscription: { subscription: 'x', isAheadOfCopy: false }, copy: copy(1, 'Ann') },
    'unknown',
    'decide',
  ],
  ['the owner was not asked, and the copy has what was published', { owner: undefined }, 'unknown', 'decide'],
  [
    'the owner was not asked, and the copy has something else',
    { owner: undefined, copy: copy(2, 'Eve') },
    'written-locally',
    'publish-again',
  ],
]

describe('causeOf()', () => {
  it.each(cases)('%s', (_, seen, kind, action, base = sound) => {
    const hops = Object.assign({}, base, seen) as Hops
    expect(causeOf(hops)).toMatchObject({ kind, mend: { action } })
  })

  it('has what is published again above every version that the topic or the copy has', () => {
    const aboves = ([more, base = sound]: readonly [Partial<Hops>, Hops?]): unknown =>
      (causeOf({ ...base, ...more }).mend as { readonly above?: unknown }).above
    const above = (counter: number) => ({ sourceepoch: 0, sequence: String(counter).padStart(20, '0') })
    expect(aboves([{ owner: owner(1, 'Ann') }])).toEqual(above(2))
    expect(aboves([{ copy: copy(9, 'Eve') }])).toEqual(above(9))
    expect(aboves([{ copy: copy(undefined, undefined, { deletedVersion: version(9, false) }) }])).toEqual(above(9))
    expect(aboves([{ copy: copy(2, 'Eve') }])).toBeUndefined()
  })
})

// ------------------------------------------------------------------------------------------------------------ all of them

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
      subscriptions.flatMap((known) => copies.map((copied) => ({ owned, told, known, copied }))),
    ),
  )

  it('blames the first hop that does not have what the one before it told, and nobody where all is well', () => {
    for (const { owned, told, known, copied } of all) {
      const hops: Hops = {
        key: 'c1',
        topic: told,
        copy: copied,
        ...(owned && { owner: owned }),
        ...(known && { subscription: known }),
      }
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
    for (const { owned, told, known, copied } of all) {
      const hops: Hops = {
        key: 'c1',
        topic: told,
        copy: copied,
        ...(owned && { owner: owned }),
        ...(known && { subscription: known }),
      }
      const { kind, mend } = causeOf(hops)
      if (mend.action === 'publish-again') expect(mended).toContain(kind)
      if (mend.action === 'redrive') expect(['dead-lettered', 'parked']).toContain(kind)
      if (mend.action === 'release') expect(kind).toBe('refused')
    }
  })

  it('is unknown only where nobody was asked or nobody knows', () => {
    for (const { owned, told, known, copied } of all) {
      const hops: Hops = {
        key: 'c1',
        topic: told,
        copy: copied,
        ...(owned && { owner: owned }),
        ...(known && { subscription: known }),
      }
      if (causeOf(hops).kind !== 'unknown') continue
      expect(owned === undefined || known?.explanation === undefined || told.newest === undefined).toBe(true)
    }
  })
})
