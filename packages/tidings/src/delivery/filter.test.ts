import { describe, expect, it } from 'vitest'
import { TidingsError } from '../errors.ts'
import type { Event, FilterExpression, SubscriptionFilter } from '../event/index.ts'
import { compileFilter } from './filter.ts'

const event: Event = {
  id: '7',
  source: '/shop/eu',
  type: 'shop.order.created',
  key: 'order-7',
  subject: 'eu/berlin',
  time: '2030-01-31T12:00:00Z',
  datacontenttype: 'application/json',
  dataschema: 'order:2',
  sequence: '00000000000000000012',
  sourceepoch: 3,
  extensions: { urgent: true, priority: 4, traceparent: '00-ab-cd-01' },
}

describe('compileFilter()', () => {
  it.each<[boolean, SubscriptionFilter]>([
    [true, {}],
    [true, { types: ['other', 'shop.order.created'] }],
    [false, { types: ['shop.order'] }],
    [true, { exact: { subject: 'eu/berlin' } }],
    [false, { exact: { subject: 'EU/berlin' } }],
    [false, { exact: { subject: 'eu/berli' } }],
    [true, { prefix: { subject: 'eu/', type: 'shop.' } }],
    [false, { prefix: { subject: 'eu/', type: 'crm.' } }],
    [false, { prefix: { subject: 'berlin' } }],
    [true, { suffix: { type: '.created' } }],
    [false, { suffix: { type: 'shop.order' } }],
    [true, { all: [{ exact: { id: '7' } }, { exact: { source: '/shop/eu' } }] }],
    [false, { all: [{ exact: { id: '7' } }, { exact: { source: '/shop/us' } }] }],
    [true, { any: [{ exact: { id: '8' } }, { exact: { id: '7' } }] }],
    [false, { any: [{ exact: { id: '8' } }, { exact: { id: '9' } }] }],
    [false, { not: { exact: { id: '7' } } }],
    [true, { not: { not: { exact: { id: '7' } } } }],
    [true, { exact: { id: '7' }, prefix: { subject: 'eu' }, types: ['shop.order.created'] }],
    [false, { exact: { id: '7' }, prefix: { subject: 'us' } }],
    [false, { exact: { id: '7' }, types: ['other'] }],
  ])('answers %s for %j', (matches, filter) => {
    expect(compileFilter(filter)(event)).toBe(matches)
  })

  it('sees every attribute by its CloudEvents name, as CloudEvents writes its value', () => {
    const values = {
      specversion: '1.0',
      id: '7',
      source: '/shop/eu',
      type: 'shop.order.created',
      partitionkey: 'order-7',
      subject: 'eu/berlin',
      time: '2030-01-31T12:00:00Z',
      datacontenttype: 'application/json',
      dataschema: 'order:2',
      sequence: '00000000000000000012',
      sourceepoch: '3',
      urgent: 'true',
      priority: '4',
      traceparent: '00-ab-cd-01',
    }
    for (const [name, value] of Object.entries(values)) {
      expect([name, compileFilter({ exact: { [name]: value } })(event)]).toEqual([name, true])
    }
  })

  it('matches nothing by an attribute that is absent, however it is called', () => {
    for (const name of ['correlationid', 'constructor', 'key']) {
      // How a function and `undefined` begin as texts.
      for (const prefix of ['f', 'u']) {
        expect(compileFilter({ prefix: { [name]: prefix } })(event)).toBe(false)
        expect(compileFilter({ not: { prefix: { [name]: prefix } } })(event)).toBe(true)
      }
    }
    expect(compileFilter({ exact: { subject: 'x' } })({ id: '1', source: '/x', type: 't' })).toBe(false)
  })

  it.each<[unknown, RegExp]>([
    [null, /"filter" must be an object, not null/],
    ['type', /"filter" must be an object/],
    [{ types: [] }, /"filter\.types" must be a list of 1 to 100 event types/],
    [{ types: [''] }, /filter\.types/],
    [{ types: Array.from({ length: 101 }, String) }, /filter\.types/],
    [{ regex: { type: 'a+' } }, /"filter" has the dialect "regex", which is none of exact, prefix/],
    [{ sql: 'true' }, /dialect "sql"/],
    [{ not: {} }, /"filter\.not" is empty; it needs one of exact/],
    [{ not: { types: ['a'] } }, /"filter\.not" has the dialect "types"/],
    [{ all: [] }, /"filter\.all" must be a list of at least one expression/],
    [{ any: { exact: { id: '1' } } }, /"filter\.any" must be a list/],
    [{ all: [{ exact: { id: '1' } }, { exact: {} }] }, /"filter\.all\[1\]\.exact" is empty/],
    [{ exact: { Type: 'a' } }, /"filter\.exact" names "Type", which is not an attribute/],
    [{ exact: { data: 'a' } }, /names "data", which is not an attribute/],
    [{ exact: { type: '' } }, /"filter\.exact\.type" must be a text of 1 to 1024 characters/],
    [{ exact: { priority: 4 } }, /"filter\.exact\.priority" must be a text.*numbers and booleans are written as texts/],
    [{ exact: { type: 'x'.repeat(1_025) } }, /must be a text of 1 to 1024/],
    [nested(8), /nested deeper than 8 expressions/],
    [{ any: Array.from({ length: 101 }, (_, id) => ({ exact: { id: String(id) } })) }, /more than 200 conditions/],
  ])('refuses %j as a bad request that names the place', (filter, message) => {
    expect(refusal(filter)).toMatchObject({ code: 'bad-request', message: expect.stringMatching(message) as string })
  })

  it('takes what is just within the limits', () => {
    expect(refusal(nested(7))).toBeUndefined()
    expect(refusal({ any: Array.from({ length: 100 }, (_, id) => ({ exact: { id: String(id) } })) })).toBeUndefined()
  })
})

function nested(depth: number): FilterExpression {
  return depth === 0 ? { exact: { id: '1' } } : { not: nested(depth - 1) }
}

function refusal(filter: unknown): unknown {
  try {
    compileFilter(filter as SubscriptionFilter)
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(TidingsError)
    return error
  }
}
