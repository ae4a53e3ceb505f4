import { expect, it } from 'vitest'
import { latencies } from './latency.ts'

it('tells percentiles in milliseconds, to three digits', () => {
  const times = latencies()
  for (let number = 1; number <= 1_000; number++) times.record(number / 10)
  const { p50, p99, p999, max, count } = times.percentiles()
  expect(p50).toBeCloseTo(50, 0)
  expect(p99).toBeCloseTo(99, 0)
  expect(p999).toBeCloseTo(99.9, 0)
  expect(max).toBeCloseTo(100, 0)
  expect(count).toBe(1_000)
})

it('keeps microseconds and minutes apart', () => {
  const times = latencies()
  for (let number = 0; number < 99; number++) times.record(0.05)
  times.record(120_000)
  const { p50, max } = times.percentiles()
  expect(p50).toBeCloseTo(0.05, 3)
  expect(max / 120_000).toBeCloseTo(1, 2)
})

it('refuses percentiles of nothing', () => {
  expect(() => latencies().percentiles()).toThrow('No latency was recorded')
})
