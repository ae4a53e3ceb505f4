import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgresPrograms, openPool, startPostgres, stopPostgres } from '@tidings/tools/postgres'
import { playRounds } from '@tidings/tools/torture-rounds'
import { mulberry32 } from 'tidings/testing'
import { test } from 'vitest'
import { playLeaders, type Turn } from './leaders.fixture.ts'

const turnsOfOneRound = 8
const kinds: readonly Turn[] = ['killed', 'restarted', 'paused', 'stopped']

test('three servers on one store, whose leader is killed, stands still or stops', async (context) => {
  const binaries = postgresPrograms(context)
  const folder = await mkdtemp(join(tmpdir(), 'tidings-leaders-'))
  await chmod(folder, 0o755)
  const postgres = await startPostgres(binaries, join(folder, 'cluster'))
  const pool = openPool({ connectionString: postgres.url })
  try {
    await playRounds('Servers on one store', async (seed) => {
      const name = `round_${seed}`
      await pool.query(`create database ${name}`)
      const url = new URL(postgres.url)
      url.pathname = name
      const random = mulberry32(seed)
      const turns = Array.from({ length: turnsOfOneRound }, () => kinds[Math.floor(random() * kinds.length)]!)
      return playLeaders(url.href, seed, turns)
    })
  } finally {
    await pool.end()
    await stopPostgres(postgres)
    await rm(folder, { recursive: true, force: true })
  }
})
