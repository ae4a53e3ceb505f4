import { expect, test } from 'vitest'
import { ample, expectEqual, extractBench, inState, type Database, type ExtractBench } from './extract.fixture.ts'
import { lockKey } from './locks.ts'

const shop = `
  create table buyer (id serial primary key, name text);
  create table sale (id serial primary key, buyer_id integer references buyer, total numeric);
  create function nothing() returns trigger language plpgsql as $$ begin return null; end $$;
  create trigger told after insert on sale for each row execute function nothing()`
const names = ['buyer', 'sale']
const tables = names.map((name) => ({ old: name, new: name }))

/** Everything in a database that an extraction could leave behind. */
async function catalogue({ admin }: Database): Promise<readonly unknown[]> {
  const { rows } = await admin.query(
    `select 'trigger', tgname::text, tgrelid::regclass::text, tgenabled::text from pg_trigger where not tgisinternal
     union all select 'constraint', conname, conrelid::regclass::text, convalidated::text from pg_constraint
       where conrelid <> 0
     union all select 'relation', relname, relkind::text, '' from pg_class
       where relnamespace <> 'pg_catalog'::regnamespace and relname !~ '^pg_'
     union all select 'function', proname, '', '' from pg_proc where pronamespace <> 'pg_catalog'::regnamespace
     union all select 'schema', nspname, '', '' from pg_namespace where nspname !~ '^pg_(toast_)?temp'
     union all select 'publication', pubname, '', '' from pg_publication
     union all select 'slot', slot_name, '', '' from pg_replication_slots where database = current_database()
     order by 1, 2, 3`,
  )
  return rows
}

async function following(bench: ExtractBench) {
  await bench.old.writers.query("insert into buyer (name) values ('Ann'); insert into sale (buyer_id) values (1)")
  const extraction = bench.extraction()
  await extraction.begin(tables)
  bench.follow()
  await inState(extraction, 'following')
  return extraction
}

test('abandoned before a switch, and after one that was taken back, it leaves nothing behind', async (context) => {
  const bench = await extractBench(context, { before: shop, after: shop })
  const before = [await catalogue(bench.old), await catalogue(bench.new)]
  await bench.extraction().begin(tables)
  await bench.extraction().abandon()
  expect([await catalogue(bench.old), await catalogue(bench.new)]).toEqual(before)
  const extraction = await following(bench)
  await extraction.switchWriters({ ...ample(), uncompared: true })
  await expect(extraction.abandon()).rejects.toThrow('"abandon" is not possible')
  await extraction.returnWriters(ample())
  await extraction.abandon()
  expect([await catalogue(bench.old), await catalogue(bench.new)]).toEqual(before)
  expect((await bench.new.admin.query('select count(*)::integer as count from sale')).rows).toEqual([{ count: 0 }])
  await bench.old.writers.query("update sale set total = 1; insert into buyer (name) values ('Bob')")
  await bench.new.writers.query("insert into buyer (name) values ('Cid')")
}, 120_000)

test.for<{ what: string; side: 'old' | 'new'; statement: string }>([
  { what: 'makes the log that is followed', side: 'old', statement: 'create publication' },
  { what: 'is about to', side: 'new', statement: `select pg_try_advisory_lock(${lockKey('log')})` },
])(
  'abandoned while somebody $what, it leaves none behind',
  { timeout: 120_000 },
  async ({ side, statement }, context) => {
    const bench = await extractBench(context, { before: shop, after: shop })
    const before = [await catalogue(bench.old), await catalogue(bench.new)]
    await bench.extraction().begin(tables)
    const place = bench[side].place()
    const gate = gateBefore(place.pool, statement)
    const stop = bench.follow(bench.extraction({ [side]: { ...place, pool: gate.pool } }))
    await gate.reached
    const abandoning = bench.extraction().abandon()
    // Whoever does not wait for the log that is being made is done by then.
    await Promise.race([abandoning, new Promise((resolve) => setTimeout(resolve, 1_000))])
    gate.open()
    await abandoning
    await stop()
    expect([await catalogue(bench.old), await catalogue(bench.new)]).toEqual(before)
  },
)

type Pool = ReturnType<Database['place']>['pool']

/** A pool whose first statement that begins so waits until it is let through. */
function gateBefore(pool: Pool, beginning: string): { pool: Pool; reached: Promise<void>; open: () => void } {
  const gate = new EventTarget()
  const comes = (event: string): Promise<void> =>
    new Promise((resolve) => gate.addEventListener(event, () => resolve(), { once: true }))
  const opened = comes('open')
  return {
    reached: comes('reached'),
    open: () => void gate.dispatchEvent(new Event('open')),
    pool: {
      async connect() {
        const client = await pool.connect()
        return new Proxy(client, {
          get(target, name) {
            const value: unknown = Reflect.get(target, name, target)
            if (typeof value !== 'function') return value
            if (name !== 'query') return value.bind(target)
            return async (config: { readonly text: string }) => {
              if (config.text.startsWith(beginning)) {
                gate.dispatchEvent(new Event('reached'))
                await opened
              }
              return target.query(config)
            }
          },
        })
      },
    },
  }
}

test('finished, it leaves the old tables with everything and a guard, and the new ones without a trace', async (context) => {
  const bench = await extractBench(context, { before: shop, after: shop })
  const before = await catalogue(bench.new)
  const old = await catalogue(bench.old)
  const extraction = await following(bench)
  await extraction.switchWriters({ ...ample(), uncompared: true })
  await bench.new.writers.query('insert into sale (buyer_id, total) values (1, 5)')
  await extraction.finish(ample())
  expect(await catalogue(bench.new)).toEqual(before)
  await expectEqual(bench, names)
  const left = (await catalogue(bench.old)).filter(
    (each) => !old.some((one) => JSON.stringify(one) === JSON.stringify(each)),
  )
  expect(
    left.map((each) =>
      Object.values(each as object)
        .slice(0, 2)
        .join(' '),
    ),
  ).toEqual([
    'function refuse_extracted',
    'schema tidings',
    'trigger tidings_extract',
    'trigger tidings_extract',
    'trigger told',
  ])
  await expect(bench.old.writers.query('delete from sale')).rejects.toThrow('its writers are moving, or have moved')
}, 120_000)

test('log that is lost before a switch is answered by filling anew', async (context) => {
  const bench = await extractBench(context, { before: shop, after: shop })
  const extraction = bench.extraction()
  await extraction.begin(tables)
  const stop = bench.follow()
  await inState(extraction, 'following')
  await stop()
  await bench.old.writers.query("insert into buyer (name) values ('Ann'); insert into sale (buyer_id) values (1)")
  const { slot } = (await extraction.status())!.log.old!
  await bench.old.admin.query('select pg_drop_replication_slot($1)', [slot])
  await bench.old.admin.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [slot])
  await bench.old.writers.query("insert into buyer (name) values ('Bob')")
  bench.follow()
  await expectEqual(bench, names)
  expect(bench.notices.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/created again.*filled anew/),
  )
}, 120_000)

test('a table that was out of the publication for a while is noticed, with everything that it missed', async (context) => {
  const bench = await extractBench(context, { before: shop, after: shop })
  const extraction = await following(bench)
  const { slot } = (await extraction.status())!.log.old!
  await bench.old.admin.query(`alter publication ${slot} drop table buyer`)
  await bench.old.writers.query("insert into buyer (name) values ('Eve')")
  await bench.old.admin.query(`alter publication ${slot} add table buyer`)
  await expectEqual(bench, names)
}, 120_000)

test('log that is lost after the switch closes the way back, and says so; it can be finished as it is', async (context) => {
  const bench = await extractBench(context, { before: shop, after: shop })
  const extraction = await following(bench)
  await extraction.switchWriters({ ...ample(), uncompared: true })
  const { slot } = (await extraction.status())!.log.new!
  await expect
    .poll(
      async () => {
        await bench.new.admin.query(
          'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1',
          [slot],
        )
        return bench.new.admin.query('select pg_drop_replication_slot($1)', [slot]).then(
          () => 'dropped',
          () => 'in use',
        )
      },
      { timeout: 30_000 },
    )
    .toBe('dropped')
  await bench.new.writers.query("insert into buyer (name) values ('Eve')")
  await expect
    .poll(async () => (await extraction.status())?.problem, { timeout: 30_000 })
    .toMatch('its replication slot is gone. The old tables stay as they are, and the way back is closed')
  await expect(extraction.returnWriters(ample())).rejects.toThrow('The way back is closed')
  expect(await extraction.status()).toMatchObject({ state: 'switched', written: { old: false, new: true } })
  await extraction.finish({ ...ample(), asItIs: true })
  expect(await extraction.status()).toBeUndefined()
  await expect(bench.old.writers.query('delete from sale')).rejects.toThrow('have moved')
}, 120_000)
