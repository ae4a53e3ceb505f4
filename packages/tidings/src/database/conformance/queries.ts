import assert from 'node:assert/strict'
import type { SqlValue } from '../port.ts'
import type { DatabaseCase } from './case.ts'
import { add, gate, insert, names, rejectsAs, statement } from './scene.ts'

/** What reads outside transactions see, and which values pass. */
export const queryCases: readonly DatabaseCase[] = [
  {
    name: 'query() sees committed data only, while a transaction runs',
    async run({ database }) {
      const { passed, open } = gate()
      const written = gate()
      const running = database.transaction(async (transaction) => {
        await insert(database, transaction, 'a')
        written.open()
        await passed
        throw new Error('rolled back')
      })
      await written.passed
      const reading = names(database)
      await new Promise((resolve) => setImmediate(resolve))
      open()
      const [seen] = await Promise.all([reading, assert.rejects(running)])
      assert.deepEqual(seen, [])
    },
  },
  {
    name: 'query() inside a running transaction reads in it instead of waiting for it',
    async run({ database }) {
      await database.transaction(async (transaction) => {
        await insert(database, transaction, 'a')
        assert.deepEqual(await names(database), ['a'])
      })
    },
  },
  {
    name: 'query() refuses to write, inside a transaction too',
    async run({ database }) {
      const text = "insert into entry (name, amount) values ('a', 1) returning name"
      await rejectsAs(database.query(text), 'transaction-misuse')
      await add(database, 'b')
      await database.transaction(async (transaction) => {
        await insert(database, transaction, 'c')
        await rejectsAs(database.query(text), 'transaction-misuse')
      })
      assert.deepEqual(await names(database), ['b', 'c'])
    },
  },
  ...(['query', 'runAtCommit'] as const).map((write): DatabaseCase => ({
    name: `values that ${write}() wrote come back as they were given`,
    async run({ database }) {
      const { dialect } = database
      const text = ['', 'a', "it's", 'Größe', '日本語', '🚀', ' \t\n', "\\' $1", 'x'.repeat(100_000), null]
      const integers = [0, 1, -1, 2 ** 53 - 1, -(2 ** 53) + 1, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n), 7, null]
      const reals = [0, 1.5, -1e-300, 1e300, Number.MAX_VALUE, Number.MIN_VALUE, 0.1, 123, -0.5, null]
      const bytes = [
        new Uint8Array(),
        Uint8Array.of(0, 255, 0),
        new Uint8Array([9, 1, 2, 9]).subarray(1, 3),
        new Uint8Array(70_000).fill(7),
        null,
      ]
      const rows = text.map((value, id) => ({
        id,
        text_value: value,
        integer_value: integers[id]!,
        real_value: reals[id]!,
        bytes_value: bytes[id] ?? null,
      }))
      await database.transaction(async (transaction) => {
        for (const row of rows)
          await transaction[write](statement(dialect, 'insert into note values (?, ?, ?, ?, ?)'), Object.values(row))
      })
      assert.deepEqual(
        await database.query('select id, text_value, integer_value, real_value, bytes_value from note order by id'),
        rows.map((row) => ({ ...row, bytes_value: row.bytes_value && Uint8Array.from(row.bytes_value) })),
      )
    },
  })),
  {
    name: 'values that would be changed are refused and nothing is stored',
    async run({ database }) {
      const { dialect } = database
      const wrong = [
        Number.NaN,
        'a\0b',
        'a\ud800',
        '\udc00b',
        2n ** 63n,
        -(2n ** 63n) - 1n,
        ...(dialect.name === 'sqlite' ? [true] : []),
        undefined,
        new Date(0),
        {},
        [1],
      ]
      for (const value of wrong as SqlValue[]) {
        const written = database.transaction(async (transaction) => {
          await insert(database, transaction, 'a')
          await transaction.query(statement(dialect, 'insert into note (id, text_value) values (1, ?)'), [value])
        })
        await rejectsAs(written, 'bad-request')
      }
      assert.deepEqual(await names(database), [])
    },
  },
  {
    name: 'readRow() answers the row with that value, written in the same transaction too, or nothing',
    async run({ database }) {
      await database.transaction(async (transaction) => {
        await insert(database, transaction, 'a', 3)
        assert.deepEqual(await transaction.readRow('entry', 'name', 'a'), { name: 'a', amount: 3 })
        assert.equal(await transaction.readRow('entry', 'name', 'b'), undefined)
      })
    },
  },
  {
    name: 'a statement must get as many values as it has placeholders',
    async run({ database }) {
      const text = statement(database.dialect, 'select ? as one, ? as two')
      await rejectsAs(database.query(text, [1]), 'bad-request')
      await rejectsAs(database.query(text, [1, 2, 3]), 'bad-request')
      await rejectsAs(database.query('select 1', [1]), 'bad-request')
    },
  },
  {
    name: 'a second statement is refused, not dropped',
    async run({ database }) {
      const both = "insert into entry values ('a', 1); insert into entry values ('b', 1)"
      await rejectsAs(
        database.transaction((transaction) => transaction.query(both)),
        'bad-request',
      )
      await rejectsAs(database.query(''), 'bad-request')
      await rejectsAs(database.query(' -- nothing'), 'bad-request')
      assert.deepEqual(await database.query("select ';' as semicolon; -- the end"), [{ semicolon: ';' }])
    },
  },
]
