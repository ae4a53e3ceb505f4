import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { notRun } from '@tidings/tools/not-run'
import Client from 'libsql'
import { describe, expect, test } from 'vitest'
import { sqliteDatabase, type SqliteClient } from './index.ts'
import { add, folderOfEachTest, names } from './folder.fixture.ts'

const { file, connect, connectTo, started } = folderOfEachTest()

/** `better-sqlite3` has to be compiled on many machines, so it may be missing, or be there for another Node. */
function betterSqlite3(): (new (file: string) => SqliteClient & { close(): unknown }) | undefined {
  try {
    const Client = createRequire(import.meta.url)('better-sqlite3')
    new Client(':memory:').close()
    return Client
  } catch {
    return undefined
  }
}

describe('start()', () => {
  test.each([
    ['journal_mode = wal', 'synchronous = normal', 'pragma synchronous = full'],
    ['journal_mode = wal', 'synchronous = off', 'pragma synchronous = full'],
    ['journal_mode = off', 'synchronous = full', 'pragma journal_mode = wal'],
    ['journal_mode = memory', 'synchronous = full', 'pragma journal_mode = wal'],
  ])('refuses %s with %s as database-not-durable, with the setting to change: %s', async (mode, level, remedy) => {
    const client = connect(mode, level)
    await expect(sqliteDatabase({ client }).start()).rejects.toMatchObject({
      code: 'database-not-durable',
      message: expect.stringContaining(`run "${remedy}"`),
    })
    client.exec(remedy)
    await sqliteDatabase({ client }).start()
  })

  test('refuses the default of better-sqlite3 for an existing WAL database', async (context) => {
    connect('journal_mode = wal')
    const Other = betterSqlite3()
    if (!Other)
      return notRun(context, {
        part: 'better-sqlite3',
        reason: 'it does not load here',
        help: 'npm rebuild better-sqlite3',
      })
    const client = new Other(file('service.db'))
    await expect(sqliteDatabase({ client }).start()).rejects.toMatchObject({ code: 'database-not-durable' })
    client.close()
  })

  test('refuses a database in memory unless a test allows it', async () => {
    const client = new Client(':memory:')
    await expect(sqliteDatabase({ client }).start()).rejects.toMatchObject({ code: 'database-not-durable' })
    const database = await started({ client, allowVolatile: true })
    await add(database, 'a')
    expect(await names(database)).toEqual(['a'])
  })

  test('refuses a file that is no database and a connection inside a transaction', async () => {
    writeFileSync(file('service.db'), 'not a database '.repeat(1000))
    await expect(sqliteDatabase({ client: connect() }).start()).rejects.toMatchObject({ code: 'store-corrupt' })
    const client = connectTo('other.db')
    client.exec('begin')
    await expect(sqliteDatabase({ client }).start()).rejects.toMatchObject({ code: 'transaction-misuse' })
  })

  test('refuses a reader that is not a second connection to the same file', async () => {
    const client = connect()
    const elsewhere = connectTo('other.db')
    for (const reader of [client, elsewhere, new Client(':memory:')]) {
      await expect(sqliteDatabase({ client, reader }).start()).rejects.toMatchObject({ code: 'bad-request' })
    }
  })

  test('a client of another kind is refused at once', () => {
    for (const client of [undefined, null, {}, { prepare() {}, exec() {} }] as unknown as SqliteClient[]) {
      expect(() => sqliteDatabase({ client })).toThrow(expect.objectContaining({ code: 'bad-request' }))
    }
    const client = connect()
    expect(() => sqliteDatabase({ client, busyTimeoutMs: Number.NaN })).toThrow(
      expect.objectContaining({ code: 'bad-request' }),
    )
  })

  test('a client that was closed under the kit is an error, not a crash', async () => {
    const client = new Client(file('service.db'))
    const database = await started({ client })
    client.close()
    await expect(add(database, 'a')).rejects.toMatchObject({ code: 'database-failed' })
  })
})

describe('statements', () => {
  test('placeholders are told from text, names and comments', async () => {
    const database = await started()
    await database.transaction((transaction) => transaction.query('create table "?" ("?" integer)'))
    const text = `select '?''?', "?", \`?\`, [?], ? -- ?\n /* ? */ from "?"`
    await expect(database.query(text, [1])).resolves.toEqual([])
    await expect(database.query(text, [])).rejects.toMatchObject({ code: 'bad-request' })
    await expect(database.query('select ?2 as b, ?1 as a, ? as c', [1, 2, 3])).resolves.toEqual([{ a: 1, b: 2, c: 3 }])
    await expect(database.query('select ?2 as b', [1])).rejects.toMatchObject({ code: 'bad-request' })
  })

  test('an integer is stored as one, whatever the column says', async () => {
    const database = await started()
    await expect(database.query('select typeof(?) as a, typeof(?) as b, ? / 2 as c', [5, 5.5, 5])).resolves.toEqual([
      { a: 'integer', b: 'real', c: 2 },
    ])
  })

  test('a trigger holds statements of its own', async () => {
    const database = await started()
    const trigger =
      "create trigger twice after insert on entry begin insert or ignore into entry values ('second'); end"
    await database.transaction((transaction) => transaction.query(trigger))
    await add(database, 'first')
    expect(await names(database)).toEqual(['first', 'second'])
  })

  test('named placeholders are refused', async () => {
    const database = await started()
    await expect(database.query('select :name', [1])).rejects.toMatchObject({ code: 'bad-request' })
  })

  test("savepoints are the caller's to use", async () => {
    const database = await started()
    await database.transaction(async (transaction) => {
      await transaction.query('savepoint mine')
      await transaction.query("insert into entry values ('a')")
      await transaction.query('rollback to mine')
      await transaction.query("insert into entry values ('b')")
    })
    expect(await names(database)).toEqual(['b'])
  })
})
