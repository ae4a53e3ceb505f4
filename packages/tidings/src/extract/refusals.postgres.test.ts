import { describe, expect, test } from 'vitest'
import { ample, extractBench, inState } from './extract.fixture.ts'

const account = 'create table account (id integer primary key, email varchar(60) not null unique)'
const tables = [{ old: 'account', new: 'account' }]

describe('what would be in the way later is refused at the beginning, with what helps', () => {
  test.for([
    ['', /no table account in the new database \(127\.0\.0\.1\/.*pg_dump/],
    [
      'create table account (id integer primary key)',
      /run there: alter table .* add column "email" character varying\(60\)/,
    ],
    [
      account.replace('60', '50'),
      /varying\(60\) in the old database and character varying\(50\).* alter column "email" type/,
    ],
    [account.replace('integer', 'bigint'), /integer in the old database and bigint/],
    ['create table account (id integer, email varchar(60) primary key)', /key of .* is \(id\) .* and \(email\)/],
    [`${account}; alter table account add more text not null`, /alter column "more" drop not null/],
    [`${account}; insert into account values (1, 'a')`, /not empty/],
    ['create view account as select 1 as id', /no table of its own/],
  ] as const)('%s', async ([after, refusal], context) => {
    const bench = await extractBench(context, { before: account, after: after || 'select 1' })
    await expect(bench.extraction().begin(tables)).rejects.toThrow(refusal)
    expect(await bench.extraction().status()).toBeUndefined()
  })

  const revocations: readonly (readonly [revoke: (role: string) => string, refusal: RegExp])[] = [
    [(role) => `alter role ${role} noreplication`, /alter role .* replication/],
    [
      (role) => `do $$ begin execute format('revoke create on database %I from ${role}', current_database()); end $$`,
      /grant create on database/,
    ],
    [
      (role) =>
        `do $$ begin execute format('revoke %s from ${role}', (select tableowner from pg_tables where tablename = 'account')); end $$`,
      /Only the owner of account can .* run: grant "owner.*" to "extracting/,
    ],
    [() => 'create schema tidings', /schema tidings.*grant usage, create on schema tidings/],
  ]
  test.for(revocations)(
    'a right that is missing on either side: %s',
    { timeout: 120_000 },
    async ([revoke, refusal], context) => {
      for (const side of ['old', 'new'] as const) {
        const bench = await extractBench(context, { before: account, after: account })
        await bench[side].admin.query(revoke(bench[side].role))
        await expect(bench.extraction().begin(tables)).rejects.toThrow(refusal)
        await expect(bench.extraction().begin(tables)).rejects.toThrow(
          new RegExp(`The( role of the)? ${side} database`),
        )
      }
    },
  )

  test('names, tables and databases that do not fit', async (context) => {
    const bench = await extractBench(context, { before: account, after: account })
    expect(() => bench.extraction({ name: 'Not this' })).toThrow('cannot name an extraction')
    await expect(bench.extraction().begin([])).rejects.toThrow('Name the tables')
    await expect(bench.extraction().begin([...tables, ...tables])).rejects.toThrow('named twice')
    await expect(bench.extraction({ new: bench.old.place() }).begin(tables)).rejects.toThrow('the same one')
    await expect(bench.extraction().switchWriters(ample())).rejects.toThrow('There is no extraction')
    const other = await extractBench(context, { before: account, after: account })
    await bench.extraction().begin(tables)
    await bench.extraction().begin(tables)
    await expect(bench.extraction().returnWriters(ample())).rejects.toThrow(
      'is filling, in which "back" is not possible',
    )
    await expect(bench.extraction({ old: other.old.place() }).follow(ample())).rejects.toThrow('is it another one?')
    await bench.old.writers.query('create table more (id integer primary key)')
    await bench.new.writers.query('create table more (id integer primary key)')
    const others = [{ old: 'more', new: 'more' }]
    await expect(bench.extraction().begin(others)).rejects.toThrow('begun with other tables')
  })
})

test('what may stop the way back one day is said: looser constraints, tables that refer, triggers', async (context) => {
  const before = `${account}; create table stays (account_id integer references account);
    create function nothing() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger told after insert on account for each row execute function nothing()`
  const bench = await extractBench(context, { before, after: account.replace(' unique', '').replace(' not null', '') })
  await bench.extraction().begin(tables)
  const said = bench.notices.map(({ message }) => message).join('\n')
  expect(said).toMatch(/do not have these constraints .*not null email; .*unique email/)
  expect(said).toMatch(/Tables that stay refer to those that go: stays/)
  expect(said).toMatch(/will not fire for what is followed back: account\.told/)
})

test('a change that the old database refuses waits, is said, and goes on once it may; nothing behind it is lost', async (context) => {
  const before = `${account}; create table stays (account_id integer references account)`
  const bench = await extractBench(context, { before, after: account })
  await bench.old.writers.query("insert into account values (1, 'a'), (2, 'b'); insert into stays values (1)")
  const extraction = bench.extraction()
  await extraction.begin(tables)
  bench.follow()
  await inState(extraction, 'following')
  await extraction.switchWriters({ ...ample(), uncompared: true })
  await bench.new.writers.query("delete from account where id = 1; update account set email = 'c' where id = 2")
  await expect
    .poll(async () => (await extraction.status())?.problem, { timeout: 20_000 })
    .toMatch('violates foreign key constraint')
  const limits = { limitMs: 200, signal: new AbortController().signal }
  await expect(extraction.returnWriters(limits)).rejects.toThrow('everything is as it was before')
  await expect(extraction.finish(limits)).rejects.toThrow('do not have everything')
  expect(await extraction.status()).toMatchObject({ state: 'switched', written: { old: false, new: true } })
  await bench.old.writers.query('delete from stays')
  await expect
    .poll(async () => (await bench.old.admin.query('select * from account')).rows, { timeout: 30_000 })
    .toEqual([{ id: 2, email: 'c' }])
  await extraction.returnWriters(ample())
}, 120_000)
