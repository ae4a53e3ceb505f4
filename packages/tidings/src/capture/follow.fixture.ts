import { openPool, postgresDatabase } from '@tidings/tools/postgres'
import { Client, type ClientConfig, type Pool } from 'pg'
import { expect, type TestContext } from 'vitest'
import { followCommits, type CommitFollower, type FollowCommitsOptions, type FollowNote } from './index.ts'

/** Two tables that take turns, somebody who follows commits into them, and what becomes of it. */
export interface FollowBench {
  /** Of a superuser. */
  readonly owner: Pool
  /** The database as the ordinary role has it, to which the tables belong. */
  readonly url: string
  readonly role: string
  readonly pool: Pool
  readonly notes: FollowNote[]
  readonly wakes: () => number
  /** Started, and waking already. */
  following(options?: Partial<FollowCommitsOptions>): Promise<CommitFollower>
  /** Started only. */
  started(options?: Partial<FollowCommitsOptions>): Promise<CommitFollower>
  /** Resolves when there have been so many wake-ups. */
  woken(count: number): Promise<void>
}

let roles = 0

export async function followBench(context: TestContext): Promise<FollowBench> {
  const bench = await followBenchOn(context, (await postgresDatabase(context)).url)
  context.onTestFinished(async () => {
    await bench.owner.query(`drop owned by ${bench.role} cascade; drop role ${bench.role}`)
  })
  return bench
}

export async function followBenchOn(context: TestContext, url: string): Promise<FollowBench> {
  const owner = openPool({ connectionString: url })
  context.onTestFinished(() => owner.end())
  const role = `following_${process.pid}_${++roles}`
  const [{ name }] = (await owner.query('select current_database() as name')).rows as [{ name: string }]
  await owner.query(`
    create role ${role} login replication; grant create on database ${name} to ${role};
    create schema box authorization ${role}; set role ${role};
    create table box.one (note text, id bigint generated always as identity); create table box.two (like box.one including identity);
    create table box.other (note text); reset role`)
  const ordinary = Object.assign(new URL(url), { username: role }).href
  const pool = openPool({ connectionString: ordinary })
  context.onTestFinished(() => pool.end())
  const notes: FollowNote[] = []
  let wakes = 0
  const started: FollowBench['started'] = async (options) => {
    const follower = followCommits({
      pool,
      replication: () => new Client({ connectionString: ordinary, replication: 'database' } as ClientConfig),
      onNote: (note) => notes.push(note),
      ...options,
    })
    context.onTestFinished(() => follower.stop())
    await follower.start({ name: 'box', tables: ['box.one', 'box.two'], wake: () => void wakes++ })
    return follower
  }
  const woken = async (count: number): Promise<void> => {
    await expect.poll(() => wakes, { timeout: 30_000, interval: 5 }).toBeGreaterThanOrEqual(count)
  }
  return {
    owner,
    url: ordinary,
    role,
    pool,
    notes,
    wakes: () => wakes,
    started,
    woken,
    async following(options) {
      const follower = await started(options)
      await woken(1)
      return follower
    },
  }
}

/** What the server has of those who follow, here. */
export async function slotsOf(
  owner: Pool,
): Promise<readonly { readonly slot_name: string; readonly active_pid: number }[]> {
  const slots = `select slot_name, active_pid from pg_replication_slots where database = current_database()`
  return (await owner.query(slots)).rows as { slot_name: string; active_pid: number }[]
}

export async function expectNoSlot(owner: Pool): Promise<void> {
  await expect.poll(() => slotsOf(owner), { timeout: 30_000 }).toEqual([])
}

/**
 * When it was following and when not, from the first time on: others who share the server may have transactions open,
 * and begin late.
 */
export function history(notes: readonly FollowNote[]): string {
  const all = notes.map(({ following }) => (following ? 'follows' : 'polls')).join(' ')
  return all.replaceAll(/\b(\w+)( \1)+\b/g, '$1').replace(/^polls /, '')
}

/** Resolves when the last one of the notes says this. */
export async function noted(notes: readonly FollowNote[], following: boolean, message = /./): Promise<void> {
  const expected = { following, message: expect.stringMatching(message) as string }
  await expect.poll(() => notes.at(-1), { timeout: 60_000 }).toMatchObject(expected)
}
