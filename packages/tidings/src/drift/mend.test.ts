import { expect, it } from 'vitest'
import { causeOf } from './cause.ts'
import type { Hops } from './hops.ts'
import { copy, owner, sound, version } from './hops.fixture.ts'

it('has what is published again above every version that the topic or the copy has', () => {
  const aboves = ([more, base = sound]: readonly [Partial<Hops>, Hops?]): unknown =>
    (causeOf({ ...base, ...more }).mend as { readonly above?: unknown }).above
  const above = (counter: number) => ({ sourceepoch: 0, sequence: String(counter).padStart(20, '0') })
  expect(aboves([{ owner: owner(1, 'Ann') }])).toEqual(above(2))
  expect(aboves([{ copy: copy(9, 'Eve') }])).toEqual(above(9))
  expect(aboves([{ copy: copy(undefined, undefined, { deletedVersion: version(9, false) }) }])).toEqual(above(9))
  expect(aboves([{ copy: copy(2, 'Eve') }])).toBeUndefined()
})
