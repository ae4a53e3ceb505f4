import type { Explanation } from '../broker/port/standing.ts'
import type { CopyHop, Hops, OwnerHop, SubscriptionHop, TopicEvent, TopicHop, Values } from './hops.ts'
import { versionText } from './version-text.ts'

// Hops of which everybody has version 2 or not; the names stand for the values.

export const version = (counter: number, isPresent = true) =>
  versionText({ sourceepoch: 0, sequence: String(counter) }, isPresent)
export const named = (name: string): Values => new Map([['name', JSON.stringify(name)]])

export const event = (counter: number, name: string | undefined): TopicEvent => ({
  position: `life.${counter}`,
  version: version(counter, name !== undefined),
  isDeleted: name === undefined,
  isErased: false,
  ...(name !== undefined && { values: named(name) }),
  appendedAt: 0,
})

export const owner = (
  counter: number | undefined,
  name: string | undefined,
  more: Partial<OwnerHop> = {},
): OwnerHop => ({
  isPresent: name !== undefined,
  ...(name !== undefined && { values: named(name) }),
  ...(counter !== undefined && { version: version(counter, name !== undefined) }),
  unsent: [],
  held: [],
  isListing: false,
  ...more,
})

export const topic = (newest: TopicEvent | undefined, more: Partial<TopicHop> = {}): TopicHop => ({
  ...(newest && { newest }),
  earlier: [event(1, 'Ann')],
  isTrimmed: false,
  ...more,
})

export const copy = (counter: number | undefined, name: string | undefined, more: Partial<CopyHop> = {}): CopyHop => ({
  keepsVersions: true,
  ...(name !== undefined && { values: named(name) }),
  ...(counter !== undefined && { version: version(counter) }),
  ...more,
})

export const table = (name: string | undefined): CopyHop => ({
  keepsVersions: false,
  ...(name !== undefined && { values: named(name) }),
})

export const at = (state: Explanation['state'], more: object = {}): SubscriptionHop => ({
  subscription: 'mail.replica',
  isAheadOfCopy: false,
  explanation: { position: 'life.2', state, actions: [], ...more } as unknown as Explanation,
})

export const held = { heldAt: 0, code: 'schema-violation', reason: 'no name' }
export const settled = at('settled')
/** Everybody has version 2, "Bob", after version 1, "Ann"; each case says what is not so. */
export const sound: Hops = {
  key: 'c1',
  owner: owner(2, 'Bob'),
  topic: topic(event(2, 'Bob')),
  subscription: settled,
  copy: copy(2, 'Bob'),
}
/** The same of an entity that is deleted. */
export const gone: Hops = {
  ...sound,
  owner: owner(2, undefined),
  topic: topic(event(2, undefined)),
  copy: copy(undefined, undefined),
}
