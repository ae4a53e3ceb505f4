import assert from 'node:assert/strict'
import type { Database, DatabaseTransaction } from '../port.ts'
import type { DatabaseCase } from './case.ts'
import { insert, names, rejectsAs, statement } from './scene.ts'

const insertEntry = (
  { dialect }: Database,
  transaction: DatabaseTransaction,
  name: string,
  amount = 1,
): Promise<void> =>
  transaction.runAtCommit(statement(dialect, 'insert into entry (name, amount) values (?, ?)'), [name, amount])

/** What goes with the commit. */
export const atCommitCases: readonly DatabaseCase[] = [
  {
    name: 'runAtCommit() is committed with the transaction',
    async run({ database, reopen }) {
      await database.transaction(async (transaction) => {
        await insert(database, transaction, 'a')
        for (const name of ['b', 'c']) await insertEntry(database, transaction, name)
      })
      assert.deepEqual(await names(await reopen()), ['a', 'b', 'c'])
    },
  },
  {
    name: 'what comes after runAtCommit() finds it done',
    async run({ database }) {
      await database.transaction(async (transaction) => {
        await insertEntry(database, transaction, 'a', 3)
        assert.deepEqual(await names(transaction), ['a'])
        await insertEntry(database, transaction, 'b', 4)
        assert.deepEqual(await transaction.readRow('entry', 'name', 'b'), { name: 'b', amount: 4 })
        await insertEntry(database, transaction, 'c')
        assert.deepEqual(await names(database), ['a', 'b', 'c'])
      })
    },
  },
  {
    name: 'runAtCommit() is rolled back with the transaction',
    async run({ database }) {
      const running = database.transaction(async (transaction) => {
        await insertEntry(database, transaction, 'a')
        throw new Error('rolled back')
      })
      await assert.rejects(running, /rolled back/)
      assert.deepEqual(await names(database), [])
    },
  },
  {
    name: 'nothing is committed where a statement of runAtCommit() fails, and the next transaction is not disturbed',
    async run({ database }) {
      const running = database.transaction(async (transaction) => {
        await insert(database, transaction, 'a')
        await insertEntry(database, transaction, 'a')
      })
      await assert.rejects(running, /unique/i)
      assert.deepEqual(await names(database), [])
      await database.transaction((transaction) => insert(database, transaction, 'b'))
      assert.deepEqual(await names(database), ['b'])
    },
  },
  {
    name: 'runAtCommit() refuses what query() refuses',
    async run({ database }) {
      const refused = (text: string, values?: string[]): Promise<unknown> =>
        database.transaction((transaction) => transaction.runAtCommit(text, values))
      await rejectsAs(refused("insert into entry values ('a', 1); insert into entry values ('b', 1)"), 'bad-request')
      await rejectsAs(refused('commit'), 'transaction-misuse')
      await rejectsAs(refused('select 1', ['a']), 'bad-request')
      const kept: DatabaseTransaction[] = []
      await database.transaction((transaction) => void kept.push(transaction))
      await rejectsAs(kept[0]!.runAtCommit('select 1'), 'transaction-misuse')
      assert.deepEqual(await names(database), [])
    },
  },
  {
    name: 'runAtCommit() through join() is committed with the transaction of somebody else',
    async run({ database, subject, reopen }) {
      const foreign = await subject.begin()
      await insertEntry(database, await database.join(foreign.handle), 'a')
      await foreign.commit()
      assert.deepEqual(await names(await reopen()), ['a'])
    },
  },
]
