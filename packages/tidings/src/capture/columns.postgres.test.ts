import { expect, test } from 'vitest'
import { captureBench, expectLatest, listed } from './capture.fixture.ts'

test('columns that come and go while it runs come and go in the events, and somebody is told', async (context) => {
  const { owner, broker, alarms, capture } = await captureBench(context)
  await owner.query("insert into customer values (1, 'Ann')")
  const capturing = capture()
  await capturing.start()
  await listed(capturing)
  await owner.query("insert into customer values (2, 'Bob')")
  await owner.query('alter table customer add column city text, add column spot point')
  await owner.query("insert into customer values (3, 'Cid', 'Bern', '(1,2)')")
  await owner.query('alter table customer drop column name')
  await owner.query("update customer set city = 'Basel' where id = 1")
  await expectLatest(broker, {
    1: { id: 1, city: 'Basel' },
    2: { id: 2, name: 'Bob' },
    3: { id: 3, name: 'Cid', city: 'Bern' },
  })
  expect(alarms).toMatchObject([
    { alarm: 'columns', added: ['city', 'spot'], dropped: [], message: expect.stringMatching(/spot \(point\)/) },
    { alarm: 'columns', added: [], dropped: ['name'] },
  ])
})

test('columns that change before any row does, or while nothing is captured, are told as well', async (context) => {
  const { owner, broker, alarms, capture } = await captureBench(context)
  await owner.query("insert into customer values (1, 'Ann')")
  const first = capture()
  await first.start()
  await listed(first)
  await owner.query('alter table customer add column city text')
  await owner.query("update customer set city = 'Bern'")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann', city: 'Bern' } })
  expect(alarms).toMatchObject([{ alarm: 'columns', added: ['city'], dropped: [] }])
  await first.stop()
  await owner.query('alter table customer drop column city')
  const second = capture()
  await second.start()
  await owner.query("update customer set name = 'Anna'")
  await expectLatest(broker, { 1: { id: 1, name: 'Anna' } })
  expect(alarms.slice(1)).toMatchObject([{ alarm: 'columns', added: [], dropped: ['city'] }])
  await second.stop()
  await capture().start()
  await owner.query("update customer set name = 'Bea'")
  await expectLatest(broker, { 1: { id: 1, name: 'Bea' } })
  expect(alarms).toHaveLength(2)
})
