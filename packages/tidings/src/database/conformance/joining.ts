import assert from 'node:assert/strict'
import type { DatabaseCase } from './case.ts'
import { add, insert, names, rejectsAs } from './scene.ts'

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
    name: 'a joined transaction refuses statements after its end',
    async run({ database, subject }) {
      const foreign = await subject.begin()
      const joined = await database.join(foreign.handle)
      await foreign.commit()
      await rejectsAs(insert(database, joined, 'a'), 'transaction-misuse')
      assert.deepEqual(await names(database), [])
    },
  },
]
