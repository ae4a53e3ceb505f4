import { describe, expect, it } from 'vitest'
import { identityHash, IdentityWindow } from './identities.ts'

const hash = (id: number | string) => identityHash('/crm', String(id), 7)
const window = (maxIds: number, maxAgeMs = 1_000) => new IdentityWindow({ maxIds, maxAgeMs })

describe('the identity window', () => {
  it('finds every identity that it holds, and no other, while it grows', () => {
    const identities = window(100_000)
    for (let id = 0; id < 5_000; id++) identities.add(hash(id), id + 1, 0)
    for (let id = 0; id < 5_000; id++) expect(identities.first(hash(id), 0, () => true)).toBe(id + 1)
    expect(identities.first(hash('other'), 0, () => true)).toBeUndefined()
    expect(identities.size(0)).toBe(5_000)
  })

  it('lets go of the oldest by count and by age', () => {
    const identities = window(300)
    for (let id = 0; id < 1_000; id++) identities.add(hash(id), id + 1, id)
    expect(identities.size(999)).toBe(300)
    expect(identities.first(hash(699), 999, () => true)).toBeUndefined()
    expect(identities.first(hash(700), 999, () => true)).toBe(701)
    expect(identities.first(hash(998), 1_998, () => true)).toBe(999)
    expect(identities.first(hash(998), 1_999, () => true)).toBeUndefined()
    expect(identities.size(1_999)).toBe(1)
  })

  it('answers the first of two, asks about each candidate, and trusts the hash where nobody knows', () => {
    const identities = window(10)
    identities.add(hash('a'), 1, 0)
    identities.add(hash('a'), 2, 0)
    expect(identities.first(hash('a'), 0, () => true)).toBe(1)
    expect(identities.first(hash('a'), 0, (offset) => offset === 2)).toBe(2)
    expect(identities.first(hash('a'), 0, () => undefined)).toBe(1)
    expect(identities.first(hash('a'), 0, () => false)).toBeUndefined()
  })

  it('takes back what was added since a mark, and has again what had made room for it', () => {
    const identities = window(4)
    for (const id of [1, 2, 3, 4]) identities.add(hash(id), id, 0)
    const mark = identities.mark()
    for (const id of [5, 6, 2]) identities.add(hash(id), 10 + id, 0)
    identities.rewind(mark)
    expect([1, 2, 3, 4, 5, 6].map((id) => identities.first(hash(id), 0, () => true))).toEqual([
      1,
      2,
      3,
      4,
      undefined,
      undefined,
    ])
    identities.add(hash(7), 5, 0)
    expect([1, 2, 7].map((id) => identities.first(hash(id), 0, () => true))).toEqual([undefined, 2, 5])
  })

  it('tells identities apart wherever source ends and id begins', () => {
    const all = [
      ['a', 'bc'],
      ['ab', 'c'],
      ['', 'abc'],
      ['abc', ''],
    ].map(([source, id]) => identityHash(source!, id!, 7))
    expect(new Set(all.map(({ low, high }) => `${low} ${high}`)).size).toBe(4)
  })
})
