import { expect, test } from 'vitest'
import { captureBench, expectLatest, publish, serverVersion } from './capture.fixture.ts'

const table = 'create table customer (id integer primary key, name text)'

/** What stands in the way, and what start() says to do about it. */
const refusals: Readonly<Record<string, readonly [tables: string, message: RegExp]>> = {
  'a table that is not there': ['select 1', /no table customer.*schema\.table/],
  'a table without a key': ['create table customer (id integer)', /add primary key .* replica identity using index/],
  'a table whose log has no key': [
    `${table}; alter table customer replica identity nothing`,
    /replica identity default/,
  ],
  'a key that can be deferred': ['create table customer (id integer primary key deferrable)', /is deferrable/],
  'a key of a type that has no text': [
    'create table customer (id real primary key)',
    /column id .* type real, which cannot be a key/,
  ],
  'a key that the entity does not have': [
    'create table customer (id integer, number integer primary key)',
    /column .* but not its key \(number\)/,
  ],
  'a key that is computed': [
    'create table customer (number integer, id integer primary key generated always as (number + 1) stored)',
    /generated column 'id' .* part of its key/,
  ],
  'a view': ['create view customer as select 1 as id', /no table of its own/],
  'a partitioned table': [
    'create table customer (id integer primary key) partition by hash (id)',
    /no table of its own/,
  ],
  'a table that is not logged': ['create unlogged table customer (id integer primary key)', /set logged/],
  'rows that the role does not see': [`${table}; alter table customer enable row level security`, /bypassrls/],
}

test.for(Object.entries(refusals))(
  'start() refuses %s, with what helps',
  async ([_what, [tables, message]], context) => {
    const { capture } = await captureBench(context, { tables, published: false })
    await expect(capture().start()).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(message),
    })
  },
)

test.for([
  ['without the table', '', /add table "public"\."customer"/, 0],
  [
    'without all changes',
    "for table customer with (publish = 'insert')",
    /set \(publish = 'insert, update, delete, truncate'\)/,
    0,
  ],
  ['without all rows', 'for table customer where (id > 1)', /set table "public"\."customer"/, 15],
  ['without all columns', 'for table customer (id)', /set table "public"\."customer"/, 15],
  [
    'with columns that are computed',
    'for table customer with (publish_generated_columns = stored)',
    /set \(publish_generated_columns = none\)/,
    18,
  ],
] as const)('start() refuses a publication %s, with what helps', async ([_what, text, message, since], context) => {
  const { owner, slot, capture } = await captureBench(context, { published: false })
  if ((await serverVersion(owner)) < since) context.skip(`there is no such publication before PostgreSQL ${since}`)
  await owner.query(`create publication ${slot} ${text}`)
  await expect(capture().start()).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringMatching(message),
  })
})

test.for([
  ['a column that is not there', ['id', 'nothing'], /no column 'nothing'/],
  ['a column that is computed', ['id', 'twice'], /generated column 'twice'/],
] as const)('start() refuses %s among those to publish', async ([_what, columns, message], context) => {
  const { capture } = await captureBench(context, {
    tables: 'create table customer (id integer primary key, twice integer generated always as (id * 2) stored)',
  })
  await expect(capture({ columns }).start()).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringMatching(message),
  })
})

test('start() names each right that the role lacks, one after the other, and then captures', async (context) => {
  const { owner, slot, broker, capture, role } = await captureBench(context, { published: false })
  await owner.query(`
    insert into customer values (1, 'Ann'); revoke select on customer from ${role};
    alter role ${role} noreplication; drop schema tidings`)
  const capturing = capture()
  const refused = async (message: RegExp): Promise<void> => {
    await expect(capturing.start()).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(message),
    })
  }
  await refused(new RegExp(`alter role "${role}" replication`))
  await owner.query(`alter role ${role} replication`)
  await refused(/grant select on "public"\."customer" to/)
  await owner.query(`grant select on customer to ${role}`)
  await refused(new RegExp(`create publication "${slot}" for table "public"\\."customer"`))
  await owner.query(`create publication "${slot}" for table "public"."customer"`)
  await refused(new RegExp(`create schema tidings authorization "${role}"`))
  await owner.query('create schema tidings')
  await refused(new RegExp(`grant usage, create on schema tidings to "${role}"`))
  await owner.query(`grant usage, create on schema tidings to "${role}"`)
  await capturing.start()
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
})

test('a role that owns the table and may create what it needs needs nobody', async (context) => {
  const { owner, broker, capture, role } = await captureBench(context, { published: false })
  const { rows } = await owner.query<{ name: string }>('select current_database() as name')
  await owner.query(`
    insert into customer values (1, 'Ann'); alter table customer owner to ${role};
    drop schema tidings; grant create on database ${rows[0]!.name} to ${role}`)
  const capturing = capture()
  await capturing.start()
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
  await capturing.remove()
  const left = `select (select count(*) from pg_replication_slots where database = current_database()) as slots,
    (select count(*) from pg_publication) as publications, (select count(*) from tidings.capture) as captures`
  expect((await owner.query(left)).rows).toEqual([{ slots: '0', publications: '0', captures: '0' }])
})

test('names that PostgreSQL would not take are refused, and a slot of somebody else is left alone', async (context) => {
  const { owner, alarms, capture } = await captureBench(context)
  for (const name of ['', 'A', 'a-b', 'x'.repeat(51)]) {
    expect(() => capture({ name })).toThrow(expect.objectContaining({ code: 'bad-request' }))
  }
  await publish(owner, 'tidings_mine')
  await owner.query("select pg_create_logical_replication_slot('tidings_mine', 'test_decoding')")
  await capture({ name: 'mine' }).start()
  await expect
    .poll(() => alarms, { timeout: 20_000 })
    .toMatchObject([
      { alarm: 'failing', message: expect.stringMatching(/somebody else's; give this capture another "name"/) },
    ])
})
