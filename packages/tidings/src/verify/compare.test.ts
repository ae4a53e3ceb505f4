import { describe, expect, it } from 'vitest'
import { sleep } from '../environment/index.ts'
import { simulatedEnvironment } from '../testing/index.ts'
import { canonicalText, canonicalValues } from './canonical.ts'
import { compared, MemorySide } from './compare.fixture.ts'
import { compare } from './compare.ts'

const rows = { a: 'Ann', b: 'Bob', c: 'Cy' }

describe('compare()', () => {
  it('finds nothing where every row is equal', async () => {
    const sides = { source: new MemorySide(rows), copy: new MemorySide(rows) }
    expect(await compared(simulatedEnvironment(), sides)).toEqual({
      source: 3,
      copy: 3,
      differences: 0,
      changing: 0,
      crossed: 0,
      found: [],
    })
  })

  it('finds rows that are missing, that only the copy has, that are there twice, and values that are different', async () => {
    const copy = new MemorySide({ a: 'Ann', b: 'Bo', d: 'Di', e: 'Ed' })
    copy.write('e', 'Ed', 'Ed')
    const { found, differences } = await compared(simulatedEnvironment(), {
      source: new MemorySide({ ...rows, e: 'Ed' }),
      copy,
    })
    const confirmedBy = 'patience'
    expect(found).toEqual([
      { key: 'b', kind: 'different', columns: [{ column: 'name', source: '"Bob"', copy: '"Bo"' }], confirmedBy },
      { key: 'c', kind: 'missing-in-copy', columns: [], confirmedBy },
      { key: 'e', kind: 'only-in-copy', columns: [], confirmedBy },
      { key: 'd', kind: 'only-in-copy', columns: [], confirmedBy },
    ])
    expect(differences).toBe(4)
  })

  it('does not take a change that reaches the copy in time for a difference', async () => {
    const environment = simulatedEnvironment()
    const [source, copy] = [new MemorySide({ ...rows, b: 'Bobby' }), new MemorySide(rows)]
    environment.timers.after(900, () => copy.write('b', 'Bobby'))
    expect(await compared(environment, { source, copy })).toMatchObject({ differences: 0, changing: 0 })
  })

  it('gives each change of the source, and each of the copy, the time that a change may take', async () => {
    const environment = simulatedEnvironment()
    const [source, copy] = [new MemorySide({ ...rows, b: 'Bobby' }), new MemorySide(rows)]
    environment.timers.after(800, () => source.write('b', 'Bert'))
    environment.timers.after(1_600, () => copy.write('b', 'Bobby'))
    environment.timers.after(2_400, () => copy.write('b', 'Bert'))
    expect(await compared(environment, { source, copy })).toMatchObject({ differences: 0, changing: 0 })
  })

  it('does not judge a key that is written all the time', async () => {
    const [source, copy] = [new MemorySide(rows), new MemorySide({ ...rows, b: '0' })]
    let writes = 0
    source.onFind = () => source.write('b', String(++writes))
    expect(await compared(simulatedEnvironment(), { source, copy })).toMatchObject({ differences: 0, changing: 1 })
  })

  it('judges a key that nobody writes, however slow the looks are', async () => {
    const environment = simulatedEnvironment()
    const [source, copy] = [new MemorySide(rows), new MemorySide({ ...rows, b: 'Bo' })]
    copy.find = async (keys) => {
      await sleep(environment, 4_000)
      return MemorySide.prototype.find.call(copy, keys)
    }
    expect(await compared(environment, { source, copy })).toMatchObject({ differences: 1, changing: 0 })
  })

  it('ends when it is told to, also while it waits', async () => {
    const environment = simulatedEnvironment()
    const ending = new AbortController()
    const sides = { source: new MemorySide(rows), copy: new MemorySide({}) }
    const comparison = compare({ ...sides, environment, signal: ending.signal, onDifference: () => {} })
    const outcome = comparison.then(() => 'compared', String)
    await environment.advance(500)
    ending.abort(new Error('enough'))
    expect(await outcome).toBe('Error: enough')
  })
})

describe('canonicalText()', () => {
  it.each([
    [9223372036854775807n, '9223372036854775807'],
    [{ b: 1, a: [null, -0, 'x'] }, '{"a":[null,0,"x"],"b":1}'],
    ['1.50', '"1.50"'],
    [1e300, '1e+300'],
  ])('of %o', (value, text) => {
    expect(canonicalText(value)).toBe(text)
  })

  it('tells null from absent', () => {
    expect([...canonicalValues({ a: null }, ['a', 'b'])]).toEqual([['a', 'null']])
  })
})
