import { describe, expect, it } from 'vitest'
import { brokenAppends } from './broken-appends.fixture.ts'
import { brokenHolds } from './broken-holds.fixture.ts'
import { brokenLedgers } from './broken-ledgers.fixture.ts'
import { brokenLifecycles } from './broken-lifecycle.fixture.ts'
import { brokenProducers } from './broken-producers.fixture.ts'
import { brokenReads } from './broken-reads.fixture.ts'
import { brokenShared } from './broken-shared.fixture.ts'
import { brokenTrims } from './broken-trims.fixture.ts'
import { brokenSubject } from './broken.fixture.ts'
import { engineConformance, runEngineCase } from './index.ts'

const breakages = [
  ...brokenLifecycles,
  ...brokenAppends,
  ...brokenProducers,
  ...brokenReads,
  ...brokenTrims,
  ...brokenLedgers,
  ...brokenHolds,
  ...brokenShared,
]

describe('engines that share a store', () => {
  it.each(brokenShared)('pass "$caught" where nothing is broken', async ({ caught }) => {
    const engineCase = engineConformance.find(({ name }) => name === caught)!
    const subject = brokenSubject({ broken: (engine) => engine, shared: true })
    expect(await runEngineCase(engineCase, subject)).toBeUndefined()
  })
})

describe('an engine that breaks a guarantee', () => {
  it.each(breakages)('$guarantee: is caught by "$caught"', async (breakage) => {
    const engineCase = engineConformance.find(({ name }) => name === breakage.caught)!
    await expect(runEngineCase(engineCase, brokenSubject(breakage))).rejects.toThrow(/^Required: /)
  })

  it('exists for every case of the suite, each of a name of its own', () => {
    const names = engineConformance.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.toSorted()).toEqual([...new Set(breakages.map(({ caught }) => caught))].toSorted())
  })
})
