import { describe, expect, it } from 'vitest'
import { causeOf, type CauseKind } from './cause.ts'
import type { Hops } from './hops.ts'
import type { Mend } from './mend.ts'
import { at, copy, event, gone, held, named, owner, settled, sound, table, topic, version } from './hops.fixture.ts'

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
  ...(['unread', 'ready', 'behind', 'scheduled', 'waiting'] as const).map((state): Case => [
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
  ['a consumer has it', { subscription: at('leased', { attempt: 1 }), copy: copy(1, 'Ann') }, 'not-delivered', 'wait'],
  ['a consumer has it again', { subscription: at('leased', { attempt: 2 }), copy: copy(1, 'Ann') }, 'retrying', 'wait'],
  ['it is dead', { subscription: at('dead', { reason: 'no' }), copy: copy(1, 'Ann') }, 'dead-lettered', 'redrive'],
  [
    'it is dead because nobody could read it',
    { subscription: at('dead', { reason: 'unreadable: no upcast' }), copy: copy(1, 'Ann') },
    'unreadable',
    'redrive',
  ],
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
    'a handler of the first event alone gave it up, and there is a newer one',
    { subscription: at('dead', { position: 'life.1', reason: 'no' }), copy: table(undefined) },
    'dead-lettered',
    'redrive',
  ],
  [
    'a handler of the first event alone has handled it, and there is a newer one',
    { subscription: at('settled', { position: 'life.1' }), copy: table('Ann') },
    'not-wanted',
    'decide',
  ],
  [
    'a handler that takes no changes did nothing',
    { subscription: { ...settled, types: ['crm.customer.created'] }, copy: table(undefined) },
    'effect-missing',
    'decide',
  ],
  [
    'a handler that takes changes as well did nothing',
    {
      subscription: { ...settled, types: ['crm.customer.created', 'crm.customer.updated'] },
      copy: table(undefined),
    },
    'effect-missing',
    'publish-again',
  ],
  [
    'the copy was restored',
    { copy: copy(1, 'Ann'), subscription: { ...settled, isAheadOfCopy: true } },
    'restored',
    'wait',
  ],

  [
    'the copy could not read it',
    { copy: copy(1, 'Ann', { unread: { version: version(2), reason: 'too new' } }) },
    'unreadable',
    'wait',
  ],
  [
    'the copy could not read what is older than its row, which was edited',
    { copy: copy(2, 'Eve', { unread: { version: version(1), reason: 'too new' } }) },
    'written-locally',
    'publish-again',
  ],

  // What is in different versions of the schema, with nobody to upcast it.
  [
    'the row was told in an older schema, and the copy was edited',
    { ...inSchemas({ owner: 2, topic: 1, copy: 2 }), copy: copy(2, 'Eve', { schema: 2 }) },
    'unknown',
    'decide',
  ],
  [
    'the same in a table of a handler',
    { ...inSchemas({ owner: 2, topic: 1, copy: 2 }), copy: { ...table('Eve'), schema: 2 } },
    'unknown',
    'decide',
  ],
  [
    'a newer row was taken out of the outbox after the schema was raised',
    { ...inSchemas({ owner: 2, topic: 1, copy: 2 }), owner: owner(3, 'Eve', { schema: 2 }) },
    'never-published',
    'publish-again',
  ],
  [
    'what was told in an older schema has not been delivered',
    { ...inSchemas({ owner: 2, topic: 1, copy: 2 }), subscription: at('unread'), copy: copy(1, 'Ann', { schema: 2 }) },
    'not-delivered',
    'wait',
  ],
  [
    'the copy holds an older version, which is in an older schema',
    {
      owner: owner(2, 'Bob', { schema: 2 }),
      topic: topic({ ...event(2, 'Bob'), schema: 2 }, { earlier: [{ ...event(1, 'old'), schema: 1 }] }),
      copy: copy(1, 'Ann', { schema: 2 }),
    },
    'out-of-order',
    'publish-again',
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

/** The sound hops, with what they have in these versions of the schema. */
function inSchemas(schemas: { readonly owner: number; readonly topic: number; readonly copy: number }): Seen {
  return {
    owner: owner(2, 'Bob', { schema: schemas.owner }),
    topic: topic({ ...event(2, 'as it was'), schema: schemas.topic }),
    copy: copy(2, 'Bob', { schema: schemas.copy }),
  }
}

describe('causeOf()', () => {
  it.each(cases)('%s', (_, seen, kind, action, base = sound) => {
    const hops = Object.assign({}, base, seen) as Hops
    expect(causeOf(hops)).toMatchObject({ kind, mend: { action } })
  })
})
