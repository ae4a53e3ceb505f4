import { openPool } from '@tidings/tools/postgres'
import { expect, test } from 'vitest'
import { explainDrift, repairDrift } from 'tidings/drift'
import { compare } from 'tidings/verify'
import { ready, topic, type Copy } from './copies.fixture.ts'
import { allApplied, playFaults } from './rounds.fixture.ts'
import { openWorld, operator, type World } from './world.fixture.ts'

test('every kind of fault is found with its cause, nothing else is, and it is repaired, while others write', async (context) => {
  const round = await playFaults(context, { seed: 1, rows: 1_000, faultsOfEach: 1, writesPerSecond: 20 })
  expect(round.found).toBeGreaterThan(30)
}, 300_000)

test('what waits for the relay is not taken for anything else, and is not repaired', async (context) => {
  await using world = await openWorld(context, { rows: 200 })
  await allApplied(world)
  world.holdRelay()
  await world.change('c7', 'waits')
  await world.change('c8', null)
  for (const copy of world.copies) {
    const causes = await causesIn(world, copy)
    expect(causes.map(({ key, kind, mend }) => [key, kind, mend.action])).toEqual([
      ['c7', 'not-relayed', 'wait'],
      ['c8', 'not-relayed', 'wait'],
    ])
    const { broker, owner } = world
    const done = await repairDrift(
      { broker, caller: operator, owner, subscription: copy.inspected.subscription },
      causes,
    )
    expect(done.map(({ outcome }) => outcome)).toEqual(['left', 'left'])
  }
  world.letRelayGo()
  await allApplied(world)
  for (const copy of world.copies) expect(await causesIn(world, copy)).toEqual([])
}, 120_000)

test('a repair is no race: what is changed after it wins, and the audit has it', async (context) => {
  await using world = await openWorld(context, { rows: 50 })
  await allApplied(world)
  await world.pool.query(`update customers set name = 'around' where id = 'c7'`)
  const [copy] = world.copies
  const causes = await causesIn(world, copy!)
  world.holdRelay()
  const { broker, owner } = world
  const [done] = await repairDrift(
    { broker, caller: operator, owner, subscription: copy!.inspected.subscription },
    causes,
  )
  await world.change('c7', 'later')
  world.letRelayGo()
  await allApplied(world)
  const [found] = await (await copy!.side()).find(['c7'])
  expect(found?.values.get('name')).toBe('"later"')
  expect(done).toMatchObject({ key: 'c7', outcome: 'published', version: { sequence: '00000000000000000002' } })
  const { events } = await broker.read(operator, { topic: 'tidings.audit' })
  const told = events.map(({ event }) => JSON.parse(new TextDecoder().decode(event.data)) as object)
  expect(told).toMatchObject([
    {
      principal: 'operator',
      action: 'repair',
      subject: topic,
      arguments: { repairs: [{ key: 'c7', cause: 'never-published', action: 'publish-again' }] },
    },
  ])
}, 60_000)

test('an owner that was restored from a dump is known as that, and publishes everything again', async (context) => {
  await using world = await openWorld(context, { rows: 50 })
  await allApplied(world)
  const name = new URL(world.ownerUrl).pathname.slice(1)
  const dump = `${name}_dump`
  await world.restart(() => asSuperuser(world, ends(name), `create database ${dump} template ${name}`))
  for (const [key, change] of [
    ['c1', 'newer'],
    ['c2', null],
    ['n1', 'new'],
  ] as const)
    await world.change(key, change)
  await allApplied(world)
  world.holdRelay()
  await world.restart(() =>
    asSuperuser(
      world,
      ends(name),
      `drop database ${name}`,
      `create database ${name} template ${dump}`,
      `drop database ${dump}`,
    ),
  )
  for (const copy of world.copies) {
    const causes = await causesIn(world, copy)
    expect(causes.map(({ key }) => key)).toEqual(['c1', 'c2', 'n1'])
    // As soon as the service knows, it publishes everything again, which waits here.
    for (const { kind, seen } of causes) expect(['restored', 'not-relayed'], JSON.stringify(seen)).toContain(kind)
  }
  world.letRelayGo()
  for (const copy of world.copies) await ready(async () => (await causesIn(world, copy)).length === 0)
}, 120_000)

const ends = (name: string): string =>
  `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`

async function asSuperuser({ ownerUrl }: World, ...statements: readonly string[]): Promise<void> {
  const url = new URL(ownerUrl)
  url.pathname = 'postgres'
  const pool = openPool({ connectionString: url.href, max: 1 })
  for (const statement of statements) await pool.query(statement)
  await pool.end()
}

/** What is different in a copy, in the order of keys. */
async function causesIn(world: World, copy: Copy) {
  const keys: string[] = []
  const [source, side] = [await world.source(), await copy.side()]
  await compare({ source, copy: side, patienceMs: 500, onDifference: ({ key }) => keys.push(key) })
  const { broker, owner } = world
  return explainDrift({ broker, caller: operator, owner, copy: copy.inspected }, keys.sort())
}
