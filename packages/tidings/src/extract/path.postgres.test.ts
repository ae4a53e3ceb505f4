import { expect, test } from 'vitest'
import { ample, expectEqual, extractBench, inState, salesTables } from './extract.fixture.ts'

const names = salesTables.map((table) => table.old)
const patience = { patienceMs: 500, signal: new AbortController().signal, onDifference: () => undefined }

test('the whole path, there and back: each side has the rows of the other, and only one of them is written', async (context) => {
  const bench = await extractBench(context)
  const extraction = bench.extraction()
  await extraction.begin(salesTables)
  bench.follow()
  await inState(extraction, 'following')
  await bench.old.writers.query("update customer set company = 'Tidings' where customer_id = 7")
  await expectEqual(bench, names)
  await expect(bench.new.writers.query('delete from invoice_line')).rejects.toThrow(
    'is not written in this database yet',
  )
  const compared = await extraction.compare(patience)
  expect(compared).toMatchObject([
    { source: 59, copy: 59, differences: 0, orphans: 0 },
    { source: 412, copy: 412, differences: 0 },
    { source: 2240, copy: 2240, differences: 0 },
  ])
  await extraction.switchWriters(ample())
  expect(await extraction.status()).toMatchObject({ state: 'switched', written: { old: false, new: true } })
  await expect(bench.old.writers.query('delete from invoice_line')).rejects.toThrow(/have moved, to .*test_/)
  const { rows } = await bench.new.writers.query(
    "insert into customer (first_name, last_name, email) values ('Ann', 'New', 'ann@example.org') returning customer_id",
  )
  expect(rows).toEqual([{ customer_id: 60 }])
  await bench.new.writers.query('delete from invoice_line where invoice_line_id = 1')
  await expectEqual(bench, names)
  await extraction.returnWriters(ample())
  expect(await extraction.status()).toMatchObject({ state: 'following', written: { old: true, new: false } })
  await bench.old.writers.query(
    "insert into customer (first_name, last_name, email) values ('Bob', 'Old', 'bob@example.org')",
  )
  await expectEqual(bench, names)
  await extraction.compare(patience)
  await extraction.switchWriters(ample())
  await bench.new.writers.query("update customer set company = 'again'")
  await extraction.finish(ample())
  expect(await extraction.status()).toBeUndefined()
  await expectEqual(bench, names)
  await expect(bench.old.writers.query('delete from invoice_line')).rejects.toThrow('have moved')
  await bench.new.writers.query('delete from invoice_line')
}, 120_000)
