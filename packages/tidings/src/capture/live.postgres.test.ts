import { expect, test } from 'vitest'
import { allEvents, captureBench, expectLatest, inShort } from './capture.fixture.ts'

test('rows that are there and changes that come are published as events of the entity', async (context) => {
  const { owner, broker, capture } = await captureBench(context)
  await owner.query("insert into customer values (1, 'Ann'), (2, 'Bob')")
  await capture().start()
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' }, 2: { id: 2, name: 'Bob' } })
  await owner.query("insert into customer values (3, 'Cid')")
  await owner.query("update customer set name = 'Anna' where id = 1")
  await owner.query('delete from customer where id = 2')
  await expectLatest(broker, { 1: { id: 1, name: 'Anna' }, 3: { id: 3, name: 'Cid' } })
  expect(inShort(await allEvents(broker))).toEqual([
    'created 1 {"id":1,"name":"Ann"}',
    'created 2 {"id":2,"name":"Bob"}',
    'created 3 {"id":3,"name":"Cid"}',
    'updated 1 {"id":1,"name":"Anna"}',
    'deleted 2 {"id":2}',
  ])
})
