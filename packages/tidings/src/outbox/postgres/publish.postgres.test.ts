import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { caller, copyOf, createBench, customers, mails, type Bench, type ServiceProcess } from '../bench.fixture.ts'

let bench: Bench
let service: ServiceProcess
/** A connection of somebody who has no library. */
let other: Awaited<ReturnType<Bench['store']['connect']>>

beforeEach(async (test) => {
  bench = await createBench(test, { kind: 'postgres' })
  service = await bench.process()
  other = await bench.store.connect()
})
afterEach(async () => {
  await other.close()
  await bench.stop()
})

const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data)

describe('tidings.publish()', () => {
  test('publishes with the transaction that calls it, exactly what it says', async () => {
    await other.run(`
      select tidings.publish('crm.mail', '{"to": "Ann", "amount": 9223372036854775807}', key => 'a', id => 'm-1',
        subject => 'welcome', extensions => '{"correlationid": "c-7"}')`)
    await other.run(`begin; select tidings.publish('crm.mail', '{"to": "nobody"}'); rollback`)
    await other.run("select tidings.publish('crm.mail', null, type => 'crm.mail', source => '/cron')")
    await service.relay()
    const [first, second, ...others] = await bench.published(mails)
    expect(first!.event).toMatchObject({
      id: 'm-1',
      source: 'crm',
      type: 'crm.mail',
      key: 'a',
      subject: 'welcome',
      datacontenttype: 'application/json',
      dataschema: 'tidings:crm.mail/1',
      extensions: { correlationid: 'c-7' },
    })
    expect(Math.abs(Date.parse(first!.event.time!) - Date.now())).toBeLessThan(600_000)
    expect(text(first!.event.data)).toBe('{"to": "Ann", "amount": 9223372036854775807}')
    expect(second!.event).toMatchObject({ source: '/cron' })
    expect(second!.event.data).toBeUndefined()
    expect(others).toEqual([])
  })

  test('takes any text that PostgreSQL can hold', async () => {
    const odd = `"it''s" \\ é 😀 {} $1 %`
    await other.run(`select tidings.publish('crm.mail', to_jsonb($odd$${odd}\n\t$odd$::text), key => $odd$${odd}$odd$)`)
    await service.relay()
    expect(bench.alarms).toEqual([])
    const [mail] = await bench.published(mails)
    expect([mail!.event.key, JSON.parse(text(mail!.event.data))]).toEqual([odd, `${odd}\n\t`])
  })

  test.each([
    ["select tidings.publish('Not A Topic', '{}')", 'is no name of a topic'],
    ["select tidings.publish(null, '{}')", 'is no name of a topic'],
    ["select tidings.publish('crm.mail', '{}', key => repeat('x', 513))", 'has 513 bytes'],
    ["select tidings.publish('crm.mail', '{}', key => '')", 'has 0 bytes'],
    ["select tidings.publish('crm.mail', '{}', key => e'a\\tb')", 'holds a control character'],
    ["select tidings.changed('crm.customer', null, '{}')", 'has no key'],
    [
      "select tidings.publish('crm.mail', '{}', schema_version => 0)",
      'the schema_version of an event for crm.mail is 0',
    ],
  ])('refuses %s', async (statement, message) => {
    await expect(other.run(statement)).rejects.toThrow(message)
    await service.relay()
    expect(await bench.published(mails)).toEqual([])
  })

  test('says that nobody knows whose database it is before anybody said so', async () => {
    await other.run('update tidings.outbox_source set service = null')
    await expect(other.run("select tidings.publish('crm.mail', '{}')")).rejects.toThrow('nobody knows whose database')
  })
})

test('a trigger with tidings.changed() and tidings.deleted() keeps copies like the table, beside the kit', async () => {
  await other.run(`
    create function tell() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' then perform tidings.deleted('crm.customer', old.id, jsonb_build_object('id', old.id));
      else perform tidings.changed('crm.customer', new.id, to_jsonb(new));
      end if;
      return null;
    end $$;
    create trigger tell after insert or update or delete on customers for each row execute function tell();
    insert into customers values ('a', 'Ann'), ('b', 'Bob'), ('c', 'Cid');
    update customers set name = 'Anna' where id = 'a';
    delete from customers where id = 'b';`)
  await other.run("begin; insert into customers values ('never', 'x'); rollback")
  await other.run('alter table customers disable trigger tell')
  await service.write({ customers: { c: 'Carl', d: 'Dan' } })
  await service.relay()
  await service.relay()
  expect(await copyOf(bench.broker)).toEqual({ a: 'Anna', c: 'Carl', d: 'Dan' })
  const versions = (await bench.published(customers)).map(
    ({ event }) => `${event.type.split('.').at(-1)} ${event.key} ${Number(event.sequence)}`,
  )
  expect(versions.toSorted()).toEqual([
    'created a 1',
    'created b 1',
    'created c 1',
    'created d 1',
    'deleted b 2',
    'updated a 2',
    'updated c 2',
  ])
})

test('what is written says the version of its schema, and a deletion the first one', async () => {
  await other.run(`
    select tidings.publish('crm.mail', '{"to": "Ann"}', schema_version => 3);
    select tidings.publish('crm.mail', '{"to": "Ann"}', type => 'Welcome to Us');
    select tidings.changed('crm.customer', 'a', '{"id": "a"}', schema_version => 2);
    select tidings.changed('crm.customer', 'a', '{"id": "a"}');
    select tidings.deleted('crm.customer', 'a', '{"id": "a"}');`)
  await service.relay()
  const schemas = async (topic: string) => (await bench.published(topic)).map(({ event }) => event.dataschema)
  expect(await schemas(mails)).toEqual(['tidings:crm.mail/3', undefined])
  expect(await schemas(customers)).toEqual([
    'tidings:crm.customer.created/2',
    'tidings:crm.customer.updated/1',
    'tidings:crm.customer.deleted/1',
  ])
})

test('an entity that was deleted before it was ever there is told to nobody', async () => {
  await other.run(`select tidings.deleted('crm.customer', 'ghost', '{"id": "ghost"}')`)
  await service.relay()
  expect((await bench.broker.latest(caller, { topic: customers, limit: 10 })).events).toEqual([])
})
