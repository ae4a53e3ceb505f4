import { expect, test } from 'vitest'
import { ample, expectEqual, extractBench, inState, type ExtractBench } from './extract.fixture.ts'

const both = `
  create table thing (
    part text, id bigint, note text, amount numeric(12,3), moment timestamptz, bytes bytea, list integer[],
    document jsonb, yes boolean, doubled numeric generated always as (amount * 2) stored,
    number bigint generated always as identity, primary key (part, id)
  );
  alter table thing alter note set storage external;
  create table counted (id integer generated always as identity primary key, name text)`
const names = ['thing', 'counted']
const tables = names.map((name) => ({ old: name, new: name }))

const long = (letter: string): string => letter.repeat(5_000)

/** Changes of every kind; the same again on either side. */
async function changeAll(writers: ExtractBench['old']['writers']): Promise<void> {
  await writers.query(`update thing set amount = amount + 1 where id % 2 = 0`)
  await writers.query(`update thing set part = 'moved', note = null where id = 3`)
  await writers.query(`update thing set id = id + 1000 where id between 10 and 12`)
  await writers.query(`delete from thing where id = 5; insert into thing (part, id, note) values ('a', 5, 'again')`)
  await writers.query(`begin; delete from thing where id = 6; insert into thing (part, id) values ('a', 6);
    update thing set note = '${long('z')}' where id = 6; update thing set amount = 7 where id = 6; commit`)
  await writers.query(`begin; insert into counted (name) values ('never'); rollback`)
  await writers.query(`insert into counted (name) select 'many' from generate_series(1, 3000)`)
  await writers.query(
    `update counted set name = 'more ' || id where id % 100 = 0; delete from counted where id % 7 = 0`,
  )
}

const fill = `
  insert into thing (part, id, note, amount, moment, bytes, list, document, yes)
    select 'a', id, case when id % 3 = 0 then repeat('x', 5000) else 'say "x", {y}, \\z' || E'\\n😀' end, id / 7.0,
      '2026-01-01 00:00+00'::timestamptz + id * interval '1 microsecond', decode('00ff10', 'hex'),
      array[id, null, 2147483647], '{"a": [1, null]}', id % 2 = 0 from generate_series(1, 40) id;
  insert into counted (name) select 'first' from generate_series(1, 10)`

test('every kind of value and of change comes over, in one direction and in the other', async (context) => {
  const bench = await extractBench(context, { before: both, after: both })
  await bench.old.writers.query(fill)
  const extraction = bench.extraction()
  await extraction.begin(tables)
  const stop = bench.follow()
  await inState(extraction, 'following')
  await changeAll(bench.old.writers)
  await expectEqual(bench, names)
  // What comes while nobody follows is in the log.
  await stop()
  await bench.old.writers.query("update thing set note = 'meanwhile' where id = 9")
  await bench.old.writers.query('truncate counted')
  await bench.old.writers.query("insert into counted (name) values ('after')")
  await extraction.switchWriters({ ...ample(), uncompared: true })
  await expectEqual(bench, names)
  bench.follow()
  await bench.new.writers.query("update thing set id = id - 1000 where id > 1000; update thing set part = 'a'")
  await changeAll(bench.new.writers)
  await expectEqual(bench, names)
  const { rows } = await bench.old.admin.query('select count(*)::integer as count from counted')
  expect(rows).not.toEqual([{ count: 0 }])
}, 120_000)

test('a transaction larger than memory should hold is applied while it comes, and once', async (context) => {
  const bench = await extractBench(context, { before: both, after: both })
  const extraction = bench.extraction()
  await extraction.begin(tables)
  bench.follow()
  await inState(extraction, 'following')
  await bench.old.writers.query(
    `begin; insert into thing (part, id, note) select 'big', id, repeat(md5(id::text), 1000) from generate_series(1, 600) id;
     update thing set amount = 1 where part = 'big'; commit`,
  )
  await expectEqual(bench, names)
}, 120_000)

test('a column that is added to the old table first is waited for, and said', async (context) => {
  const bench = await extractBench(context, { before: both, after: both })
  const extraction = bench.extraction()
  await extraction.begin(tables)
  bench.follow()
  await inState(extraction, 'following')
  await bench.old.writers.query(
    "alter table counted add column more text; insert into counted (name, more) values ('n', 'm')",
  )
  await expect
    .poll(async () => (await extraction.status())?.problem, { timeout: 20_000 })
    .toMatch(/has a column "more" that the new .* has not|has no column "more"/)
  await bench.new.writers.query('alter table counted add column more text')
  await expectEqual(bench, names)
  await expect.poll(async () => (await extraction.status())?.problem, { timeout: 20_000 }).toBeUndefined()
}, 120_000)

test('triggers of people do not fire for what is followed, those for replication do; both are as they were at the end', async (context) => {
  const fired = `create table fired (name text);
    create function note_it() returns trigger language plpgsql as $$ begin
      insert into fired values (tg_name); return null; end $$;
    create trigger ordinary after insert on counted for each row execute function note_it();
    create trigger always after insert on counted for each row execute function note_it();
    alter table counted enable always trigger always`
  const bench = await extractBench(context, { before: `${both}; ${fired}`, after: `${both}; ${fired}` })
  const extraction = bench.extraction()
  await bench.old.writers.query("insert into counted (name) values ('one')")
  await extraction.begin(tables)
  bench.follow()
  await inState(extraction, 'following')
  await expectEqual(bench, names)
  const fires = async (side: 'old' | 'new') =>
    (await bench[side].admin.query<{ name: string }>('select name from fired order by 1')).rows.map(({ name }) => name)
  expect(await fires('new')).toEqual(['always'])
  await extraction.switchWriters({ ...ample(), uncompared: true })
  await bench.new.writers.query("insert into counted (name) values ('two')")
  expect(await fires('new')).toEqual(['always', 'always', 'ordinary'])
  await expectEqual(bench, names)
  expect(await fires('old')).toEqual(['always', 'always', 'ordinary'])
  await extraction.returnWriters(ample())
  await bench.old.writers.query("insert into counted (name) values ('three')")
  expect(await fires('old')).toEqual(['always', 'always', 'always', 'ordinary', 'ordinary'])
}, 120_000)
