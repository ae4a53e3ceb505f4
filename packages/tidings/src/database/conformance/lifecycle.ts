import assert from 'node:assert/strict'
import type { DatabaseCase } from './case.ts'
import { add, gate, insert, names, rejectsAs } from './scene.ts'

/** Starting and stopping, and the dialect. */
export const lifecycleCases: readonly DatabaseCase[] = [
  {
    name: 'start() refuses a database whose commits are not durable and names the setting',
    needs: ({ openNotDurable }) => (openNotDurable ? undefined : 'this store cannot be opened without durable commits'),
    async run({ subject }) {
      const error = await rejectsAs(subject.openNotDurable!().start(), 'database-not-durable')
      assert.match(error.message, /synchronous/)
    },
  },
  {
    name: 'start() and stop() are idempotent, one after the other and at once',
    async run({ database }) {
      await Promise.all([database.start(), database.start()])
      await add(database, 'a')
      await Promise.all([database.stop(), database.stop(), database[Symbol.asyncDispose]()])
      await database.stop()
      await database.start()
      assert.deepEqual(await names(database), ['a'])
    },
  },
  {
    name: 'stop() waits for running transactions',
    async run({ database }) {
      const { passed, open } = gate()
      const running = database.transaction(async (transaction) => {
        await passed
        await insert(database, transaction, 'a')
      })
      const waiting = add(database, 'b')
      let stopped = false
      const stopping = database.stop().then(() => (stopped = true))
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(stopped, false, 'it has not stopped before the transaction has ended')
      open()
      await Promise.all([running, waiting, stopping])
      await database.start()
      assert.deepEqual(await names(database), ['a', 'b'])
    },
  },
  {
    name: 'a stopped database refuses every call',
    async run({ database }) {
      await database.stop()
      await rejectsAs(add(database, 'a'), 'stopped')
      await rejectsAs(names(database), 'stopped')
      await rejectsAs(database.execute('delete from entry'), 'stopped')
      await rejectsAs(database.migrate({ name: 'test', migrations: ['create table other (id integer)'] }), 'stopped')
    },
  },
  {
    name: 'stop() inside a transaction is refused instead of waiting for itself',
    async run({ database }) {
      await database.transaction(() => rejectsAs(database.stop(), 'transaction-misuse'))
    },
  },
  {
    name: 'the dialect quotes any identifier',
    async run({ database }) {
      const { dialect } = database
      for (const [index, name] of ['select', 'a b', 'it"s', "it's", 'Größe', 'a.b'].entries()) {
        await database.transaction(async (transaction) => {
          await transaction.query(`create table ${dialect.identifier(name)} (${dialect.identifier(name)} integer)`)
          await transaction.query(`insert into ${dialect.identifier(name)} values (${dialect.placeholder(1)})`, [index])
        })
        assert.deepEqual(await database.query(`select * from ${dialect.identifier(name)}`), [{ [name]: index }])
      }
    },
  },
]
