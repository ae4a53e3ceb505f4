import { isDeepStrictEqual, types } from 'node:util'
import { describe, expect, it } from 'vitest'
import { HandlerReads } from './handler-reads.ts'

const reader = () => new HandlerReads({ observe: 'always', chance: () => 0 })

/** The fields that `use` is seen to read of the data. */
function readsOf<Data>(data: Data, use: (data: Data) => unknown): readonly string[] {
  const reads = reader()
  const observing = reads.begin()!
  use(observing.event({ data, bytes: undefined }).data)
  observing.end()
  return reads.fields
}

interface Order {
  id: string
  note?: string
  buyer: { name: string; address: { city: string; zip: string } }
  lines: { sku: string; count: number }[]
  tags: string[]
  'a/b~c': number
}

const order = (): Order => ({
  id: 'o1',
  note: 'gift',
  buyer: { name: 'Ada', address: { city: 'London', zip: 'N1' } },
  lines: [
    { sku: 'a', count: 1 },
    { sku: 'b', count: 2 },
  ],
  tags: ['new', 'paid'],
  'a/b~c': 1,
})

describe('what a handler reads', () => {
  it.each<[string, (data: Order) => unknown, readonly string[]]>([
    ['nothing', () => undefined, []],
    ['a property', ({ id }) => id, ['/id']],
    ['a property that is absent', (data) => (data as { vip?: boolean }).vip, ['/vip']],
    ['a nested property, and not what it stands in', ({ buyer }) => buyer.address.city, ['/buyer/address/city']],
    ['an object that is passed on', ({ buyer }) => new Map([[1, buyer]]), ['/buyer']],
    ['items of an array', ({ lines }) => lines.map(({ sku }) => sku), ['/lines/*/sku']],
    ['the values of an array', ({ tags }) => tags.includes('paid'), ['/tags/*']],
    ['the length of an array', ({ tags }) => tags.length, ['/tags']],
    ['a property with in', (data) => 'note' in data, ['/note']],
    ['a property with hasOwn', (data) => Object.hasOwn(data, 'id'), ['/id']],
    ['everything, as JSON', (data) => JSON.stringify(data), ['']],
    ['everything, spread', (data) => ({ ...data }), ['']],
    ['everything of a part', ({ buyer }) => Object.keys(buyer), ['/buyer']],
    ['the rest of an object', ({ buyer: { name, ...rest } }) => [name, rest], ['/buyer']],
    ['a name with the characters of a pointer', (data) => data['a/b~c'], ['/a~1b~0c']],
    [
      'what every value has',
      (data) => [Object.prototype.toString.call(data), data.hasOwnProperty, data instanceof Map],
      [],
    ],
  ])('is %s', (_, use, fields) => {
    expect(readsOf(order(), use)).toEqual(fields)
  })

  it('is everything where the data is no object, and where the payload is read', () => {
    expect(readsOf('text', () => undefined)).toEqual([''])
    const reads = reader()
    const observing = reads.begin()!
    expect(observing.event({ data: {}, bytes: new Uint8Array(1) }).bytes).toHaveLength(1)
    observing.end()
    expect(reads.fields).toEqual([''])
  })

  it('adds up over deliveries, and stays within bounds', () => {
    const reads = reader()
    const read = (data: object, use: (data: Record<string, unknown>) => unknown) => {
      const observing = reads.begin()!
      use(observing.event({ data, bytes: undefined }).data as Record<string, unknown>)
      observing.end()
    }
    read({ a: 1 }, ({ a }) => a)
    read({ b: { c: 1 } }, ({ b }) => (b as { c: number }).c)
    expect(reads.fields).toEqual(['/a', '/b/c'])
    const many = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`p${index}`, index]))
    read(many, (data) => Object.getOwnPropertyNames(many).forEach((name) => data[name]))
    expect(reads.fields).toEqual([''])
  })

  it('is looked at in one delivery of a hundred where it is sampled', () => {
    let chance = 0.5
    const reads = new HandlerReads({ observe: 'sampled', chance: () => chance })
    expect(reads.begin()).toBeUndefined()
    chance = 0.009
    expect(reads.begin()).toBeDefined()
    expect(new HandlerReads({ observe: 'never', chance: () => 0 }).begin()).toBeUndefined()
  })
})

describe('the data of a handler that is looked at', () => {
  const given = <Data>(data: Data): Data => reader().begin()!.event({ data, bytes: undefined }).data

  it('is what it was', () => {
    const data = given(order())
    expect(data).toEqual(order())
    expect(isDeepStrictEqual(data, order())).toBe(true)
    expect(JSON.stringify(data)).toBe(JSON.stringify(order()))
    expect({ ...data }).toEqual(order())
    expect(Object.keys(data)).toEqual(Object.keys(order()))
    expect(Array.isArray(data.lines)).toBe(true)
    expect([...data.lines].map(({ count }) => count)).toEqual([1, 2])
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype)
    const { id, ...rest } = data
    expect({ id, ...rest }).toEqual(order())
  })

  it('is the same object each time', () => {
    const data = given(order())
    expect(data.buyer).toBe(data.buyer)
    expect(data.lines.indexOf(data.lines[1]!)).toBe(1)
    expect(new Set([data.lines[0], data.lines[0]]).size).toBe(1)
  })

  it('can be changed and frozen', () => {
    const data = given(order())
    data.lines.push({ sku: 'c', count: 3 })
    data.lines.sort((left, right) => right.count - left.count)
    data.buyer.name = 'Grace'
    delete data.note
    expect(data.lines.map(({ sku }) => sku)).toEqual(['c', 'b', 'a'])
    expect(data.buyer.name).toBe('Grace')
    expect('note' in data).toBe(false)
    Object.freeze(data)
    expect(Object.isFrozen(data)).toBe(true)
    expect(() => (data.id = 'o2')).toThrow(TypeError)
    expect(data.buyer.address.city).toBe('London')
  })

  it('leaves alone what is frozen, and what is no plain object', () => {
    class Money {
      readonly #cents = 5
      get cents(): number {
        return this.#cents
      }
    }
    const data = given({
      at: new Date(0),
      prices: new Map([['a', 1]]),
      money: new Money(),
      frozen: Object.freeze({ a: {} }),
    })
    expect(data.at.getTime()).toBe(0)
    expect(data.prices.get('a')).toBe(1)
    expect(data.money.cents).toBe(5)
    expect([data.at, data.prices, data.money, data.frozen.a].some((value) => types.isProxy(value))).toBe(false)
    const readonly = given(Object.freeze({ a: { b: 1 } }))
    expect(readonly.a.b).toBe(1)
    expect(readsOf(Object.freeze({ a: { b: 1 } }), ({ a }) => a.b)).toEqual(['/a'])
  })

  it('can be awaited', async () => {
    const data = given({ id: 1 })
    expect(await Promise.resolve(data)).toBe(data)
    expect(readsOf({ id: 1 }, (value) => Promise.resolve(value))).toEqual([])
  })
})
