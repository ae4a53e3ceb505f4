import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPool, postgresDatabase } from '@tidings/tools/postgres'
import { connectPush } from 'tidings'
import { embeddedEngine } from 'tidings/engines/embedded'
import { postgresEngine } from 'tidings/engines/postgres'
import { moveStore } from 'tidings/move'
import { expect, test } from 'vitest'
import { caller, openScene, playScene, playsAt, topic as shop } from './formats/scene.fixture.ts'
import { expectAll, expectToGoOn } from './formats/standing.fixture.ts'
import type { PostgresAddress } from './make-store.ts'
import type { RunningServer } from './start.ts'

const pushed = 'partner.orders'

/** What an operator can look at, but for what goes on by itself: the push to an endpoint that nobody reaches, and ages. */
async function inspect({ broker, url }: RunningServer): Promise<unknown> {
  const topics = await broker.topics(caller)
  const subscriptions = await broker.subscriptions(caller)
  const all = <Item, Found>(items: readonly Item[], look: (item: Item) => Promise<Found>): Promise<Found[]> =>
    Promise.all(items.map(look))
  const { url: endpoint, secrets, setBy } = await connectPush(url).describe(caller, pushed)
  const names = subscriptions.map(({ subscription }) => subscription)
  return timeless({
    topics: await all(topics, async ({ topic, kind }) => ({
      ...(await broker.topic(caller, topic)),
      events: await broker.read(caller, { topic, limit: 1_000 }),
      latest:
        kind === 'entity' ? (await broker.latest(caller, { topic })).events.map(({ event }) => event.id).sort() : [],
    })),
    subscriptions: await all(names, async (subscription) => ({
      ...(await broker.subscription(caller, subscription)),
      stats: subscription !== pushed && (await broker.stats(caller, subscription)),
      dead: await broker.deadLetters(caller, { subscription }),
      scheduled: await broker.scheduled(caller, { subscription }),
      redrives: await broker.redrives(caller, subscription),
    })),
    schedules: await broker.schedules(caller),
    producer: await broker.producer(caller, { topic: shop, producer: 'shop/0' }),
    push: { url: endpoint, secrets, setBy },
  })
}

const passing = new Set(['deduplication', 'oldestPendingMs'])

function timeless(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(timeless)
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([name]) => !passing.has(name))
  return Object.fromEntries(members.map(([name, member]) => [name, timeless(member)]))
}

test(
  'a store with everything in it is moved to PostgreSQL and back: every inspection says the same, and it goes on',
  { timeout: 120_000 },
  async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'tidings-moved-'))
    context.onTestFinished(() => rm(folder, { recursive: true }))
    const path = join(folder, 'store')
    const { url } = await postgresDatabase(context)
    const pool = openPool({ connectionString: url })
    context.onTestFinished(() => pool.end())
    const inFolder = { engine: embeddedEngine({ path }), place: path }
    const inDatabase = { engine: postgresEngine({ pool }), place: 'postgres://localhost/shop' }
    const look = async (where: Parameters<typeof openScene>[0], seconds: number): Promise<unknown> => {
      await using server = await openScene(where, playsAt + seconds * 1_000)
      await expectAll(server)
      return await inspect(server)
    }

    const first = await openScene(path, playsAt)
    const notes = await playScene(first)
    await first.stop()
    const before = await look(path, 10)

    await moveStore({ from: inFolder, to: inDatabase })
    expect(await look({ engine: url as PostgresAddress }, 20)).toEqual(before)

    await moveStore({ from: inDatabase, to: inFolder })
    expect(await look(path, 30)).toEqual(before)

    await using last = await openScene(path, playsAt + 40_000)
    await expectToGoOn(last, notes)
  },
)
