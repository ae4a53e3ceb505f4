import assert from 'node:assert/strict'
import { TidingsError } from '../../errors.ts'
import type { Transaction } from '../port.ts'
import type { DatabaseCase } from './case.ts'
import { add, failAtCommit, gate, insert, names, rejectsAs, statement } from './scene.ts'

/** What `transaction` promises while nothing crashes. */
export const transactionCases: readonly DatabaseCase[] = [
  {
    name: 'transaction() commits when its function resolves and answers the result',
    async run({ database, reopen }) {
      const result = await database.transaction(async (transaction) => {
        await insert(database, transaction, 'a')
        return { answer: 42 }
      })
      assert.deepEqual(result, { answer: 42 })
      assert.deepEqual(await names(await reopen()), ['a'])
    },
  },
  {
    name: 'transaction() takes a function that is not asynchronous',
    async run({ database }) {
      assert.equal(await database.transaction(() => 7), 7)
      const failure = new Error('no')
      const refused = database.transaction(() => {
        throw failure
      })
      await assert.rejects(refused, failure)
    },
  },
  {
    name: 'a rejection rolls back exactly what its function did and comes out as it was',
    async run({ database }) {
      const failure = new Error('changed my mind')
      const outcomes = await Promise.allSettled([
        add(database, 'a'),
        database.transaction(async (transaction) => {
          await insert(database, transaction, 'b')
          await transaction.query('delete from entry')
          throw failure
        }),
        add(database, 'c'),
      ])
      assert.deepEqual(outcomes[1], { status: 'rejected', reason: failure })
      assert.deepEqual(await names(database), ['a', 'c'])
    },
  },
  {
    name: 'of many transactions at once each is there or not, as its caller was told',
    async run({ database, reopen }) {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 60 }, (_, index) =>
          database.transaction(async (transaction) => {
            await insert(database, transaction, `${index}`)
            if (index % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
            if (index % 5 === 0) throw new Error('rolled back')
          }),
        ),
      )
      const committed = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [`${index}`] : []))
      assert.equal(committed.length, 48)
      assert.deepEqual(await names(await reopen()), committed.sort())
    },
  },
  {
    name: 'what a transaction wrote can be read as soon as it resolves, and not before it could fail',
    async run({ database }) {
      const { passed, open } = gate()
      let resolved = false
      const first = async (): Promise<void> => {
        await add(database, 'a')
        resolved = true
        assert.ok((await names(database)).includes('a'))
      }
      const adding = first()
      const failing = database.transaction(async (transaction) => {
        await passed
        await insert(database, transaction, 'b')
        await transaction.query('insert into child (id, parent) values (1, 404)')
      })
      open()
      const [outcome] = await Promise.allSettled([adding, failing])
      assert.equal(resolved, outcome.status === 'fulfilled')
      assert.deepEqual(await names(database), resolved ? ['a'] : [])
    },
  },
  {
    name: 'execute() commits its statement and answers the rows',
    async run({ database, reopen }) {
      const text = statement(database.dialect, 'insert into entry (name, amount) values (?, ?) returning amount')
      assert.deepEqual(await database.execute(text, ['a', 7]), [{ amount: 7 }])
      assert.deepEqual(await database.execute("update entry set amount = 8 where name = 'a'"), [])
      const reopened = await reopen()
      assert.deepEqual(await reopened.query('select name, amount from entry'), [{ name: 'a', amount: 8 }])
    },
  },
  {
    name: 'execute() of a statement that fails changes nothing, and the error is its own',
    async run({ database }) {
      await add(database, 'a')
      const text = "insert into entry (name, amount) values ('b', 1), ('a', 1)"
      await assert.rejects(database.execute(text), (error) => !(error instanceof TidingsError))
      assert.deepEqual(await names(database), ['a'])
    },
  },
  {
    name: 'execute() is no way around a running transaction, nor to begin one',
    async run({ database }) {
      await database.transaction(async (transaction) => {
        await rejectsAs(database.execute("insert into entry (name, amount) values ('a', 1)"), 'transaction-misuse')
        await insert(database, transaction, 'b')
      })
      await rejectsAs(database.execute('begin'), 'transaction-misuse')
      await rejectsAs(database.execute("insert into entry (name, amount) values ('c', 1)", [1]), 'bad-request')
      assert.deepEqual(await names(database), ['b'])
    },
  },
  {
    name: 'a failed commit rejects as database-failed and leaves nothing',
    async run({ database, reopen }) {
      const error = await rejectsAs(failAtCommit(database), 'database-failed')
      assert.ok(error.cause instanceof Error, 'the error of the database is its cause')
      assert.deepEqual(await names(database), [])
      await add(database, 'after')
      assert.deepEqual(await names(await reopen()), ['after'])
    },
  },
  {
    name: 'a database that somebody else has locked rejects as database-busy, retryable, and works once it is free',
    needs: ({ lock }) => (lock ? undefined : 'this store cannot be locked from outside'),
    async run({ database, subject }) {
      const unlock = await subject.lock!()
      const error = await rejectsAs(add(database, 'a'), 'database-busy')
      assert.equal(error.retryable, true)
      const waiting = add(database, 'b')
      await unlock()
      await waiting
      assert.deepEqual(await names(database), ['b'])
    },
  },
  {
    name: 'a transaction inside a running one is refused',
    async run({ database }) {
      await database.transaction(async (transaction) => {
        await insert(database, transaction, 'a')
        await rejectsAs(add(database, 'b'), 'transaction-misuse')
      })
      assert.deepEqual(await names(database), ['a'])
    },
  },
  {
    name: 'a transaction that has ended refuses statements',
    async run({ database }) {
      let escaped: Transaction | undefined
      await database.transaction((transaction) => {
        escaped = transaction
      })
      await rejectsAs(names(escaped!), 'transaction-misuse')
    },
  },
  {
    name: "a statement's own error is the client's and lets the transaction be rolled back",
    async run({ database }) {
      await add(database, 'a')
      const failed = database.transaction(async (transaction) => {
        await insert(database, transaction, 'b')
        await insert(database, transaction, 'a')
      })
      await assert.rejects(failed, (error) => error instanceof Error && !(error instanceof TidingsError))
      await assert.rejects(
        database.query('selec 1'),
        (error) => error instanceof Error && !(error instanceof TidingsError),
      )
      assert.deepEqual(await names(database), ['a'])
    },
  },
  {
    name: 'a statement that would begin or end the transaction is refused',
    async run({ database }) {
      await database.transaction(async (transaction) => {
        await insert(database, transaction, 'a')
        for (const text of ['begin', 'commit', ' /* now */ COMMIT', 'end', 'rollback']) {
          await rejectsAs(transaction.query(text), 'transaction-misuse')
        }
      })
      assert.deepEqual(await names(database), ['a'])
    },
  },
  {
    name: 'query() answers the rows of returning and none for other statements',
    async run({ database }) {
      await database.transaction(async (transaction) => {
        assert.deepEqual(await insert(database, transaction, 'a'), [])
        const text = statement(
          database.dialect,
          'update entry set amount = amount + ? where name = ? returning name, amount',
        )
        assert.deepEqual(await transaction.query(text, [2, 'a']), [{ name: 'a', amount: 3 }])
        assert.deepEqual(await transaction.query('delete from entry'), [])
      })
    },
  },
]
