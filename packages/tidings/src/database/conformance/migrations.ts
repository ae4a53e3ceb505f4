import assert from 'node:assert/strict'
import type { MigrationSet } from '../port.ts'
import type { DatabaseCase } from './case.ts'
import { names, rejectsAs } from './scene.ts'

const first = "insert into entry (name, amount) values ('1', 1); insert into entry (name, amount) values ('1b', 1)"
const second = "insert into entry (name, amount) select '2', count(*) from entry"
const third = "insert into entry (name, amount) select '3', count(*) from entry"

function set(...migrations: string[]): MigrationSet {
  return { name: 'test', migrations }
}

/** Numbered, immutable migrations. */
export const migrationCases: readonly DatabaseCase[] = [
  {
    name: 'migrate() applies each migration once, in order, scripts of several statements included',
    async run({ database, reopen }) {
      await database.migrate(set(first, second))
      await database.migrate(set(first, second))
      const reopened = await reopen()
      await reopened.migrate(set(first, second, third))
      assert.deepEqual(await reopened.query('select name, amount from entry order by name'), [
        { name: '1', amount: 1 },
        { name: '1b', amount: 1 },
        { name: '2', amount: 2 },
        { name: '3', amount: 3 },
      ])
    },
  },
  {
    name: 'migrate() called several times at once applies each migration once',
    async run({ database }) {
      await Promise.all([1, 2, 3].map(() => database.migrate(set(first, second))))
      assert.deepEqual(await names(database), ['1', '1b', '2'])
    },
  },
  {
    name: 'migrate() refuses a migration that was changed after it was applied',
    async run({ database }) {
      await database.migrate(set(first))
      await rejectsAs(database.migrate(set(`${first} `, second)), 'bad-request')
      assert.deepEqual(await names(database), ['1', '1b'])
    },
  },
  {
    name: 'migrate() refuses a database that is newer than the code',
    async run({ database }) {
      await database.migrate(set(first, second))
      await rejectsAs(database.migrate(set(first)), 'store-version')
    },
  },
  {
    name: 'a migration that fails leaves none of its call behind',
    async run({ database }) {
      await assert.rejects(database.migrate(set(first, 'insert into nowhere values (1)')))
      assert.deepEqual(await names(database), [])
      await database.migrate(set(first, second))
      assert.deepEqual(await names(database), ['1', '1b', '2'])
    },
  },
  {
    name: 'sets of different names do not disturb each other',
    async run({ database }) {
      await database.migrate(set(first))
      await database.migrate({ name: 'another', migrations: [third] })
      await database.migrate(set(first, second))
      assert.deepEqual(await names(database), ['1', '1b', '2', '3'])
      await rejectsAs(database.migrate({ name: 'Not a name', migrations: [first] }), 'bad-request')
    },
  },
]
