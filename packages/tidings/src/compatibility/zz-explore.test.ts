import { test } from 'vitest'
import { playPair } from './random-pairs.fixture.ts'
test('explore', () => {
  const sums: Record<string, number> = {}
  const from = Number(process.env['FROM'] ?? 0)
  const slow: [number, number][] = []
  let failures = 0
  const until = performance.now() + 100_000
  let done = 0
  for (let seed = from; seed < from + 3000 && performance.now() < until && failures < 8; seed++) {
    const start = performance.now()
    try {
      for (const [k, v] of Object.entries(playPair(seed))) sums[k] = (sums[k] ?? 0) + v
    } catch (error) {
      failures++
      console.log(
        'SEED',
        seed,
        (error as Error).message.slice(0, 1500),
        (error as Error).stack?.split('\n').slice(1, 4).join('|'),
      )
    }
    done++
    slow.push([Math.round(performance.now() - start), seed])
  }
  slow.sort((a, b) => b[0] - a[0])
  console.log(
    'SUMS',
    done,
    JSON.stringify(sums),
    'slow',
    JSON.stringify(slow.slice(0, 12)),
    'median',
    slow[slow.length >> 1]?.[0],
  )
}, 150_000)
