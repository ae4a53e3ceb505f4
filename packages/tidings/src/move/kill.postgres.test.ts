import { expect, test } from 'vitest'
import type { TestContext } from 'vitest'
import { lookAtWholeStore } from '../engine/conformance/whole-store.ts'
import { mulberry32 } from '../testing/index.ts'
import { fillForKills, runMove, whoServes, type NamedStore } from './killed-move.fixture.ts'
import { embeddedStore, withEngine } from './move.fixture.ts'
import { postgresStore } from './postgres.fixture.ts'

async function folder(context: TestContext): Promise<NamedStore> {
  const store = await embeddedStore(context)
  return { ...store, name: store.place }
}

async function database(context: TestContext): Promise<NamedStore> {
  const store = await postgresStore(context)
  return { ...store, name: store.url }
}

const ways = [
  ['a folder', 'PostgreSQL', folder, database],
  ['PostgreSQL', 'a folder', database, folder],
] as const

test.for(ways)(
  'a move from %s to %s that is killed at any of its steps leaves one store that serves, and is run again',
  { timeout: 240_000 },
  async ([, , makeSource, makeTarget], context) => {
    const from = await makeSource(context)
    const to = await makeTarget(context)
    await withEngine(from.open(), fillForKills)
    const everything = await withEngine(from.open(), lookAtWholeStore)
    const seen = new Set<string>()
    let killAt = 1
    for (let serving = 'source'; serving !== 'target'; killAt++) {
      const lines = await runMove(from, to, { killAt })
      if (lines.at(-1)?.startsWith('moved')) seen.add(lines.at(-1)!)
      const before = serving
      serving = await whoServes({ from, to }, everything)
      seen.add(serving)
      // From the departure on a run has only the end to do.
      if (serving === 'nobody' && before === 'source') killAt = 0
    }
    expect([...seen]).toEqual(['source', 'nobody', 'target'])
    expect(await runMove(from, to, {})).toEqual(['store-moved'])
    expect(await whoServes({ from, to }, everything)).toBe('target')
  },
)

test.for(ways)(
  'a move from %s to %s that is killed at random loses and doubles nothing',
  { timeout: 240_000 },
  async ([, , makeSource, makeTarget], context) => {
    const random = mulberry32(23)
    const from = await makeSource(context)
    const to = await makeTarget(context)
    await withEngine(from.open(), fillForKills)
    const everything = await withEngine(from.open(), lookAtWholeStore)
    let most = (await runMove(from, to, { killAfter: 3 })).length
    for (let kill = 0; kill < 6; kill++) {
      const lines = await runMove(from, to, { killAfter: 1 + Math.floor(random() * (most + 5)) })
      most = Math.max(most, lines.length)
      await whoServes({ from, to }, everything)
    }
    const last = await runMove(from, to, {})
    // One that had ended already says so, and changes nothing.
    expect(last.at(-1)).toMatch(/^(moved|store-moved$)/)
    expect(await whoServes({ from, to }, everything)).toBe('target')
  },
)
