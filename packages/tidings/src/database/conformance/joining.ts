import assert from 'node:assert/strict'
import type { DatabaseCase } from './case.ts'
import { add, insert, names, rejectsAs, statement } from './scene.ts'

/** Writing inside a transaction that somebody else began. */
export const joiningCases: readonly DatabaseCase[] = [
  {
    name: 'join() writes inside the transaction that somebody else began and commits with it',
    async run({ database, subject, reopen }) {
      const foreign = await subject.begin()
      await insert(database, await database.join(foreign.handle), 'a')
      await foreign.commit()
      assert.deepEqual(await names(await reopen()), ['a'])
    },
  },
  {
    name: 'what was written through join() goes when that transaction is rolled back',
    async run({ database, subject }) {
      const foreign = await subject.begin()
      await insert(database, await database.join(foreign.handle), 'a')
      await foreign.rollBack()
      assert.deepEqual(await names(database), [])
    },
  },
  {
    name: 'while a foreign transaction is open, the kit begins nothing in it',
    async run({ database, subject }) {
      const foreign = await subject.begin()
      const waiting = add(database, 'b')
      const reading = names(database)
      await insert(database, await database.join(foreign.handle), 'a')
      await new Promise((resolve) => setImmediate(resolve))
      await foreign.rollBack()
      await waiting
      assert.ok(!(await reading).includes('a'))
      assert.deepEqual(await names(database), ['b'])
    },
  },
  {
    name: 'join() refuses what is no handle of this database in an open transaction',
    async run({ database, subject }) {
      const foreign = await subject.begin()
      for (const wrong of [undefined, null, 1, {}, { query: async () => [] }])
        await rejectsAs(database.join(wrong), 'transaction-misuse')
      await foreign.commit()
      await rejectsAs(database.join(foreign.handle), 'transaction-misuse')
    },
  },
  {
    name: 'readRow() through join() answers values as they were given, whatever the client makes of them',
    async run({ database, subject }) {
      const row = {
        id: 1,
        text_value: '2026-03-01',
        integer_value: 2n ** 60n,
        real_value: 0.1,
        bytes_value: Uint8Array.of(0, 255),
      }
      const text = statement(database.dialect, 'insert into note values (?, ?, ?, ?, ?)')
      await database.transaction((transaction) => transaction.query(text, Object.values(row)))
      const foreign = await subject.begin()
      const joined = await database.join(foreign.handle)
      assert.deepEqual(await joined.readRow('note', 'id', 1), row)
      assert.equal(await joined.readRow('note', 'id', 2), undefined)
      await foreign.commit()
    },
  },
  {
    name: 'a joined transaction refuses statements after its end',
    async run({ database, subject }) {
      const foreign = await subject.begin()
      const joined = await database.join(foreign.handle)
      await foreign.commit()
      await rejectsAs(insert(database, joined, 'a'), 'transaction-misuse')
      await rejectsAs(joined.readRow('entry', 'name', 'a'), 'transaction-misuse')
      assert.deepEqual(await names(database), [])
    },
  },
]
