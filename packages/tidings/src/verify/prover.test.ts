import { describe, expect, it } from 'vitest'
import { simulatedEnvironment } from '../testing/index.ts'
import { manyRows, MemorySide } from './compare.fixture.ts'
import type { Comparison } from './compare.ts'
import { createProver, type ProofAlarm, type ProverOptions } from './prover.ts'

const hour = 3_600_000

function prover(source: MemorySide, copy: MemorySide, options: Partial<ProverOptions> = {}) {
  const environment = simulatedEnvironment()
  const alarms: ProofAlarm[] = []
  const proofs: Comparison[] = []
  const made = createProver({
    name: 'crm.customer',
    open: async () => ({ source, copy }),
    everyMs: hour,
    rowsPerSecond: 1_000,
    environment,
    onAlarm: (alarm) => alarms.push(alarm),
    onProof: (proof) => proofs.push(proof),
    ...options,
  })
  return { environment, alarms, proofs, made }
}

describe('a prover', () => {
  it('proves a copy again and again, and alarms after the pass that found drift', async () => {
    const [source, copy] = [new MemorySide(manyRows(3_000)), new MemorySide(manyRows(3_000))]
    const { environment, alarms, proofs, made } = prover(source, copy)
    await made.start()
    await environment.advance(hour / 2)
    expect([proofs.length, alarms.length]).toEqual([1, 0])
    copy.write('7', 'Eve')
    await environment.advance(hour)
    expect(alarms).toMatchObject([{ alarm: 'drift', differences: [{ key: '7' }], comparison: { differences: 1 } }])
    await environment.advance(hour)
    expect([proofs.length, alarms.length]).toEqual([3, 2])
    await made.stop()
    await environment.advance(3 * hour)
    expect(proofs.length).toBe(3)
  })

  it('asks for no more rows a second than its budget has', async () => {
    const { environment, proofs, made } = prover(new MemorySide(manyRows(5_000)), new MemorySide(manyRows(5_000)))
    await made.start()
    await environment.advance(4_500)
    expect(proofs).toEqual([])
    await environment.advance(2_000)
    expect(proofs).toMatchObject([{ source: 5_000 }])
    await made.stop()
  })

  it('tells once that it fails, and goes on where the pass was', async () => {
    const [source, copy] = [new MemorySide(manyRows(5_000)), new MemorySide(manyRows(5_000))]
    copy.write('0', 'Eve')
    let asked = 0
    const digests = source.digests
    source.digests = (range, cut) => {
      asked++
      if (asked > 2 && asked < 6) return Promise.reject(new Error('out of reach'))
      return digests(range, cut)
    }
    const { environment, alarms, proofs, made } = prover(source, copy)
    await made.start()
    await environment.advance(hour / 2)
    expect(alarms).toMatchObject([{ alarm: 'failing' }, { alarm: 'drift', differences: [{ key: '0' }] }])
    expect(proofs).toMatchObject([{ source: 5_000, copy: 5_000, differences: 1 }])
    await made.stop()
  })

  it('refuses a schedule without a budget', () => {
    expect(() => prover(new MemorySide({}), new MemorySide({}), { rowsPerSecond: 0 })).toThrow('rowsPerSecond')
  })
})
