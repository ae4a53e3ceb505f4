import type { Trace } from 'tidings/drift'
import { expect, it } from 'vitest'
import { traceText } from './trace-text.ts'

const version = (counter: number) => ({ sourceepoch: 0, sequence: String(counter).padStart(20, '0') })
const seen: Trace = { topic: 'crm.customer', key: 'c1', events: [], isPartial: false, copies: [] }

it('tells what waits in the outbox with its times, after what was published', () => {
  const text = traceText({
    ...seen,
    owner: {
      key: 'c1',
      isPresent: true,
      version: { ...version(4), isPresent: true },
      held: [{ id: 1, heldAt: 0, code: 'schema-violation', reason: 'no name' }],
      unsent: [{ version: version(4), writtenAt: 1_000 }],
      isListing: false,
    },
  })
  expect(text.split('\n').slice(-2)).toEqual([
    '1970-01-01T00:00:00.000Z  held       the broker refused it (schema-violation): no name',
    '1970-01-01T00:00:01.000Z  waits      version 4 in the outbox for the relay',
  ])
})

it('says of a copy what it could not read, and what is no version', () => {
  const subscription = 'sales.copy'
  const text = traceText({
    ...seen,
    copies: [
      { subscription, keepsVersions: true, isPresent: true },
      { subscription, keepsVersions: true, isPresent: false, unread: { version: version(2), reason: 'too new' } },
      { subscription, keepsVersions: false, isPresent: true },
    ],
  })
  expect(text.split('\n').slice(-3)).toEqual([
    `${' '.repeat(24)}  copy       sales.copy: has a row of what is no version`,
    `${' '.repeat(24)}  copy       sales.copy: has no row; its newest state could not be read: too new`,
    `${' '.repeat(24)}  copy       sales.copy: has a row; it keeps no versions`,
  ])
})
