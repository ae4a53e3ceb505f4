import { describe, expect, it } from 'vitest'
import { simulatedEnvironment } from '../testing/index.ts'
import { compare } from './compare.ts'
import { compared, manyRows, MemorySide } from './compare.fixture.ts'
import { DigestSum } from './hash.ts'
import type { Cut, KeyRange, Part } from './side.ts'

describe('compare() by digests', () => {
  it('finds a row that is different wherever it stands, on the border of two ranges as well', async () => {
    const names = manyRows(300)
    const source = new MemorySide(names)
    const copy = new MemorySide(names)
    for (const key of Object.keys(names)) {
      copy.write(key, 'Eve')
      const { found } = await compared(simulatedEnvironment(), { source, copy, patienceMs: 0 })
      expect(found.map((each) => each.key)).toEqual([key])
      copy.write(key, names[key]!)
    }
  })

  it('finds a row that moved over the border of two ranges', async () => {
    const names = manyRows(700)
    for (const [gone, come] of [
      ['199', '1990'],
      ['699', '7'],
      ['0', '00'],
    ] as const) {
      const copy = new MemorySide(names)
      copy.write(gone)
      copy.write(`${come}x`, names[gone]!)
      const { found } = await compared(simulatedEnvironment(), { source: new MemorySide(names), copy })
      expect(found.map(({ key, kind }) => [key, kind]).toSorted()).toEqual(
        [
          [gone, 'missing-in-copy'],
          [`${come}x`, 'only-in-copy'],
        ].toSorted(),
      )
    }
  })

  it.each([
    ['copy', 'missing-in-copy'],
    ['source', 'only-in-copy'],
  ] as const)('compares the remaining rows where the %s ends early', async (side, kind) => {
    const whole = manyRows(12_000)
    const beginning = Object.fromEntries(Object.entries(whole).filter(([key]) => key < '4'))
    const [source, copy] = side === 'copy' ? [whole, beginning] : [beginning, whole]
    const { found, differences } = await compared(simulatedEnvironment(), {
      source: new MemorySide(source),
      copy: new MemorySide(copy),
    })
    expect(differences).toBe(12_000 - Object.keys(beginning).length)
    expect(new Set(found.map((each) => each.kind))).toEqual(new Set([kind]))
  })

  it('finds a row behind the last one of the source where as many rows are missing', async () => {
    const names = manyRows(300)
    const copy = new MemorySide(names)
    copy.write('150')
    copy.write('z', 'Eve')
    const { found } = await compared(simulatedEnvironment(), { source: new MemorySide(names), copy })
    expect(found.map(({ key, kind }) => [key, kind])).toEqual([
      ['150', 'missing-in-copy'],
      ['z', 'only-in-copy'],
    ])
  })

  it('compares the rows that come to a range while it is taken apart', async () => {
    const names = manyRows(3_000)
    const source = new MemorySide(names)
    const copy = new MemorySide(names)
    copy.write('150', 'Eve')
    const digests = source.digests
    let hasGrown = false
    source.digests = (range, cut) => {
      if (!hasGrown && 'parts' in cut && cut.parts > 1) {
        hasGrown = true
        for (let added = 0; added < 1_000; added++) source.write(`z${added}`, 'new')
      }
      return digests(range, cut)
    }
    const { differences } = await compared(simulatedEnvironment(), { source, copy })
    expect([hasGrown, differences]).toEqual([true, 1_001])
  })

  it('finds two rows that have each the values of the other, and two changes that are the same', async () => {
    const names = manyRows(500)
    const copy = new MemorySide(names)
    copy.write('7', names['8']!)
    copy.write('8', names['7']!)
    copy.write('100', 'Eve')
    copy.write('300', 'Eve')
    const { found } = await compared(simulatedEnvironment(), { source: new MemorySide(names), copy })
    expect(found.map((each) => each.key).toSorted()).toEqual(['100', '300', '7', '8'])
  })

  it('gives out few rows where few are different', async () => {
    const names = manyRows(50_000)
    const copy = new MemorySide(names)
    for (const key of ['3', '49999', '25000', '9', '12345']) copy.write(key, 'Eve')
    const { crossed, differences, source } = await compared(simulatedEnvironment(), {
      source: new MemorySide(names),
      copy,
    })
    expect({ differences, source }).toEqual({ differences: 5, source: 50_000 })
    expect(crossed).toBeGreaterThan(0)
    expect(crossed).toBeLessThan(50_000 * 0.05)
  })

  it('looks into several ranges at once, but never asks for more than a few', async () => {
    const names = manyRows(20_000)
    const [source, copy] = [new MemorySide(names), new MemorySide(names)]
    for (let key = 0; key < 20_000; key += 100) copy.write(String(key), 'Eve')
    let [asked, most] = [0, 0]
    const hashes = source.hashes
    source.hashes = async (range, limit) => {
      most = Math.max(most, ++asked)
      await new Promise((resolve) => setImmediate(resolve))
      return hashes(range, limit).finally(() => (asked -= 1))
    }
    const comparison = compare({ source, copy, patienceMs: 0, onDifference: () => undefined })
    expect(await comparison).toMatchObject({ differences: 200, changing: 0 })
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(8)
  })

  it('waits for everything that it asks when one answer fails', async () => {
    const names = manyRows(20_000)
    const [source, copy] = [new MemorySide(names), new MemorySide(names)]
    for (let key = 0; key < 20_000; key += 100) copy.write(String(key), 'Eve')
    let asked = 0
    const hashes = source.hashes
    source.hashes = async (range, limit) => {
      const number = ++asked
      for (let wait = 0; wait < number; wait++) await new Promise((resolve) => setImmediate(resolve))
      asked -= 1
      if (number === 1) throw new Error('out of reach')
      return hashes(range, limit)
    }
    await expect(compare({ source, copy, onDifference: () => undefined })).rejects.toThrow('out of reach')
    expect(asked).toBe(0)
  })

  it('goes on where an earlier comparison ended, with the keys that were in doubt', async () => {
    const names = manyRows(20_000)
    const [source, copy] = [new MemorySide(names), new MemorySide(names)]
    copy.write('0', 'Eve')
    copy.write('99', 'Eve')
    const asked: KeyRange[] = []
    const digests = source.digests
    source.digests = (range: KeyRange, cut: Cut): Promise<readonly Part[]> => {
      asked.push(range)
      return digests(range, cut)
    }
    const ending = new AbortController()
    let place = ''
    const first = await compared(simulatedEnvironment(), {
      source,
      copy,
      signal: ending.signal,
      onProgress: (progress) => {
        if (place !== '') return
        place = progress.place()
        ending.abort(new Error('enough'))
      },
    }).catch(String)
    expect(first).toBe('Error: enough')
    asked.length = 0
    const rest = await compared(simulatedEnvironment(), { source, copy, resume: place })
    expect(rest).toMatchObject({ source: 20_000, copy: 20_000, differences: 2 })
    expect(asked[0]!.after).toBeDefined()
    await expect(compared(simulatedEnvironment(), { source, copy, resume: '{"version":2}' })).rejects.toThrow(
      'begin anew',
    )
  })

  it('asks for fewer rows at once where they take long, and for no more a second than it may', async () => {
    const environment = simulatedEnvironment()
    const names = manyRows(20_000)
    const source = new MemorySide(names)
    const digests = source.digests
    const asked: number[] = []
    source.digests = async (range, cut) => {
      const parts = await digests(range, cut)
      asked.push(parts[0]!.count)
      // A millisecond for each row.
      await new Promise<void>((resolve) => environment.timers.after(parts[0]!.count, resolve))
      return parts
    }
    await compared(environment, { source, copy: new MemorySide(names) })
    expect(asked.length).toBeGreaterThan(10)
    expect(Math.max(...asked.slice(3))).toBeLessThanOrEqual(500)

    const slow = simulatedEnvironment()
    const start = slow.clock.monotonic()
    let endedAt = 0
    const sides = { source: new MemorySide(names), copy: new MemorySide(names) }
    await compared(slow, {
      ...sides,
      rowsPerSecond: 1_000,
      onProgress: ({ source: count }) => {
        if (count === 20_000 && endedAt === 0) endedAt = slow.clock.monotonic()
      },
    })
    expect(endedAt - start).toBeGreaterThanOrEqual(20_000)
  })
})

describe('a digest', () => {
  const sumOf = (...hashes: readonly { high: number; low: number }[]): string => {
    const sum = new DigestSum()
    for (const hash of hashes) sum.add(hash)
    return sum.digest
  }
  const [one, other] = [
    { high: 0x8000_0001, low: 0xffff_ffff },
    { high: 5, low: 1 },
  ]

  it('does not cancel two equal rows', () => {
    const [three, five] = [
      { high: 0, low: 3 },
      { high: 0, low: 5 },
    ]
    expect(sumOf(three, three)).not.toBe(sumOf(five, five))
    expect(sumOf(one, one)).not.toBe(sumOf())
  })

  it('does not depend on the order of rows, and carries from one half to the other', () => {
    expect(sumOf(one, other)).toBe(sumOf(other, one))
    expect(sumOf(one, other)).toBe('8000000700000000')
  })
})
