import { expect, test, type TestContext } from 'vitest'
import type { PublishAnswer } from '../../broker/index.ts'
import type { Database, MigrationSet } from '../../database/index.ts'
import { caller, createBench, customers, ids, mails, type Bench, type ServiceProcess } from '../bench.fixture.ts'
import { outboxMigrations } from './migrations.ts'

/** A process that does not know the last migration. */
async function olderProcess(context: TestContext, bench: Bench): Promise<ServiceProcess> {
  const { database, close } = await bench.store.open({})
  context.onTestFinished(async () => {
    await database.stop()
    await close()
  })
  const migrate = (set: MigrationSet): Promise<void> =>
    database.migrate(set.name === outboxMigrations.name ? { ...set, migrations: set.migrations.slice(0, -1) } : set)
  const older: Database = new Proxy(database, {
    get: (target, name) => {
      const found: unknown = name === 'migrate' ? migrate : Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
  return bench.process({ database: older })
}

/** Refuses a mail, and what comes after it in the same call. */
function refuse(bench: Bench, id: string): void {
  bench.faults.publish = async (by, request): Promise<readonly PublishAnswer[]> => {
    const place = request.events.findIndex(({ event }) => event.id === id)
    if (place < 0) return bench.broker.publish(by, request)
    const before = request.events.slice(0, place)
    const taken = before.length === 0 ? [] : await bench.broker.publish(by, { ...request, events: before })
    const behind = { status: 'refused', code: 'behind-refused', message: 'behind' } as const
    const refused = { status: 'refused', code: 'schema-violation', message: 'no text' } as const
    return [...taken, refused, ...request.events.slice(place + 1).map(() => behind)]
  }
}

async function made(context: TestContext): Promise<Bench> {
  const bench = await createBench(context, { kind: 'postgres' })
  context.onTestFinished(() => bench.stop())
  return bench
}

test('an outbox in use goes on after an upgrade: what waited and what was held, in order, and nothing twice', async (context) => {
  const bench = await made(context)
  const older = await olderProcess(context, bench)
  refuse(bench, 'a2')
  await older.write({
    customers: { a: 'Ann', b: 'Bob' },
    mails: ['a1', 'b1', 'a2', 'a3'].map((id) => ({ id, key: id[0]! })),
  })
  await older.relay()
  expect((await older.outbox.held()).map(({ event }) => event?.id)).toEqual(['a2', 'a3'])
  await older.write({ customers: { a: 'Anna' }, mails: [{ id: 'b2', key: 'b' }] })
  await older.write({ customers: { a: 'Annie', b: null }, mails: [{ id: 'a4', key: 'a' }] })
  await older.database.execute(`select tidings.publish('${mails}', '{}', key => 'b', id => 'b3')`)
  await older.database.execute(`select tidings.changed('${customers}', 'c', '{"id": "c", "name": "Cid"}')`)
  await older.kill()

  const upgraded = await bench.process()
  await upgraded.write({ customers: { a: 'Anne' }, mails: [{ id: 'b4', key: 'b' }] })
  await upgraded.database.execute(`select tidings.changed('${customers}', 'c', '{"id": "c"}', schema_version => 2)`)
  await upgraded.relay()
  expect(ids(await bench.published(mails))).toEqual(['a1', 'b1', 'b2', 'b3', 'b4'])
  delete bench.faults.publish
  expect(await upgraded.outbox.release({ topic: mails, key: 'a' })).toBeGreaterThan(0)
  await upgraded.relay()
  expect(ids(await bench.published(mails))).toEqual(['a1', 'b1', 'b2', 'b3', 'b4', 'a2', 'a3', 'a4'])
  const told = (await bench.published(customers)).map(({ event }) => `${event.key} ${Number(event.sequence)}`)
  for (const [key, versions] of Object.entries({ a: [1, 2, 3, 4], b: [1, 2], c: [1, 2] })) {
    expect(told.filter((each) => each.startsWith(`${key} `))).toEqual(versions.map((version) => `${key} ${version}`))
  }
  const { events } = await bench.broker.latest(caller, { topic: customers })
  expect(events.find(({ event }) => event.key === 'c')?.event.dataschema).toMatch(/\/2$/)
  expect(await upgraded.outbox.stats()).toMatchObject({ pending: 0, held: 0 })
})

test('an upgrade leaves the rights on the functions as somebody has given them', async (context) => {
  const bench = await made(context)
  const older = await olderProcess(context, bench)
  const admin = await bench.store.connect()
  const roles = ['writer', 'stranger'].map((name) => `${name}_${process.pid}`)
  const [writer = ''] = roles
  await admin.run(roles.map((role) => `create role ${role}`).join(';'))
  context.onTestFinished(async () => {
    await admin.run(`reset role; drop owned by ${roles.join(', ')}; drop role ${roles.join(', ')}`)
    await admin.close()
  })
  await admin.run(`
    grant usage on schema tidings to ${roles.join(', ')};
    grant select, insert, update, delete on all tables in schema tidings to ${roles.join(', ')};
    grant usage on all sequences in schema tidings to ${roles.join(', ')};
    revoke execute on all functions in schema tidings from public;
    grant execute on all functions in schema tidings to ${writer} with grant option`)
  await older.kill()
  const { database } = await bench.process()
  const rights = await database.query<{ name: string; writer: boolean; grants: boolean; stranger: boolean }>(
    `select proname::text as name, has_function_privilege($1, oid, 'execute') as writer,
       has_function_privilege($1, oid, 'execute with grant option') as grants,
       has_function_privilege($2, oid, 'execute') as stranger
     from pg_proc where pronamespace = 'tidings'::regnamespace
       and proname in ('publish', 'changed', 'deleted', 'write_version', 'encode_event') order by proname`,
    roles,
  )
  expect(rights).toEqual(
    ['changed', 'deleted', 'encode_event', 'publish', 'write_version'].map((name) => ({
      name,
      writer: true,
      grants: true,
      stranger: false,
    })),
  )
  await admin.run(`set role ${writer}; select tidings.publish('${mails}', '{}', schema_version => 2)`)
})
