import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import { gate } from '../../database/conformance/scene.ts'
import { simulatedEnvironment } from '../../testing/index.ts'
import type { SqliteClient } from './index.ts'
import { add, folderOfEachTest, names } from './folder.fixture.ts'

const { connect, started } = folderOfEachTest()

/** The same connection, with something happening before each script that the kit executes. */
function watched(client: SqliteClient, before: (script: string) => void): SqliteClient {
  return {
    get open() {
      return client.open
    },
    get inTransaction() {
      return client.inTransaction
    },
    prepare: (text) => client.prepare(text),
    exec: (script) => {
      before(script)
      return client.exec(script)
    },
  }
}

describe('group commit', () => {
  test('transactions that wait when one begins share its commit, and none resolves before it', async () => {
    const history: string[] = []
    const client = watched(connect('journal_mode = wal'), (script) => {
      if (script === 'commit') history.push('commit')
    })
    const database = await started({ client })
    await Promise.all(['a', 'b', 'c'].map((name) => add(database, name).then(() => history.push(name))))
    expect(history).toEqual(['commit', 'a', 'b', 'c'])
  })

  test('those whom one turn of the event loop wakes one after another share a commit', async () => {
    let commits = 0
    const client = watched(connect('journal_mode = wal'), (script) => (commits += script === 'commit' ? 1 : 0))
    const database = await started({ client })
    // As when twenty answers came in while the process waited for its disk.
    const wokenApart = Array.from({ length: 20 }, async (_, number) => {
      await new Promise((resolve) => setImmediate(resolve))
      await add(database, `${number}`)
    })
    await Promise.all(wokenApart)
    expect(commits).toBe(1)
  })

  test('those that come while a group runs share the next commit', async () => {
    let commits = 0
    const client = watched(connect('journal_mode = wal'), (script) => (commits += script === 'commit' ? 1 : 0))
    const database = await started({ client })
    const running = gate()
    const first = database.transaction(() => running.passed)
    await new Promise((resolve) => setImmediate(resolve))
    const later = ['a', 'b', 'c'].map((name) => add(database, name))
    running.open()
    await Promise.all([first, ...later])
    expect(commits).toBe(2)
  })

  test('transactions run one after another', async () => {
    const database = await started()
    await database.transaction((transaction) => transaction.query('create table counter (value integer)'))
    await database.transaction((transaction) => transaction.query('insert into counter values (0)'))
    await Promise.all(
      Array.from({ length: 20 }, () =>
        database.transaction(async (transaction) => {
          const [row] = await transaction.query<{ value: number }>('select value from counter')
          await new Promise((resolve) => setImmediate(resolve))
          await transaction.query('update counter set value = ?', [row!.value + 1])
        }),
      ),
    )
    expect(await database.query('select value from counter')).toEqual([{ value: 20 }])
  })

  test('a failed commit rejects every transaction of its group and leaves nothing of any', async () => {
    const client = connect('journal_mode = wal', 'foreign_keys = on')
    client.exec(
      'create table child (parent integer references parent (id) deferrable initially deferred); create table parent (id integer primary key)',
    )
    const database = await started({ client })
    const outcomes = await Promise.allSettled([
      add(database, 'a'),
      database.transaction((transaction) => transaction.query('insert into child values (404)')),
      add(database, 'b'),
    ])
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual(
      Array(3).fill('database-failed'),
    )
    expect(await names(database)).toEqual([])
    expect(client.inTransaction).toBe(false)
  })

  test('when the database itself rolls back a group, what ran rejects and the rest is committed', async () => {
    const database = await started()
    await add(database, 'a')
    const outcomes = await Promise.allSettled([
      add(database, 'b'),
      database.transaction(async (transaction) => {
        await transaction.query("insert or rollback into entry values ('a')").catch(() => undefined)
        await transaction.query("insert into entry values ('on its own')")
      }),
      add(database, 'c'),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual([
      'database-failed',
      'database-failed',
      false,
    ])
    expect(await names(database)).toEqual(['a', 'c'])
  })

  test('a full disk fails the transaction as database-failed and nothing of its group is half applied', async () => {
    const client = connect('journal_mode = wal')
    const database = await started({ client })
    client.exec('pragma max_page_count = 8')
    const outcomes = await Promise.allSettled([
      add(database, 'a'),
      database.transaction(async (transaction) => {
        for (let row = 0; row < 100; row++)
          await transaction.query('insert into entry values (?)', [`${row} ${'x'.repeat(1000)}`])
      }),
    ])
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual([
      'database-failed',
      'database-failed',
    ])
    expect(await names(database)).toEqual([])
    client.exec('pragma max_page_count = 1000')
    await add(database, 'b')
    expect(await names(database)).toEqual(['b'])
  })

  test('after a failed fsync nothing is tried again', async () => {
    const failure = Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_FSYNC' })
    let broken = true
    const client = watched(connect('journal_mode = wal'), (script) => {
      if (script === 'commit' && broken) throw failure
    })
    const database = await started({ client })
    await expect(add(database, 'a')).rejects.toMatchObject({ code: 'database-failed' })
    broken = false
    await expect(add(database, 'b')).rejects.toMatchObject({ code: 'database-failed', cause: failure })
    await expect(names(database)).rejects.toMatchObject({ code: 'database-failed' })
  })
})

describe('contexts', () => {
  test("a transaction's function runs in the async context of its caller", async () => {
    const database = await started()
    const context = new AsyncLocalStorage<string>()
    const seen = await Promise.all(
      ['a', 'b'].map((name) => context.run(name, () => database.transaction(() => context.getStore()))),
    )
    expect(seen).toEqual(['a', 'b'])
  })

  test('what goes on after a transaction in its context is outside of it again', async () => {
    const database = await started()
    const late = await database.transaction(() => ({
      run: AsyncLocalStorage.bind(async () => {
        await add(database, 'b')
        return names(database)
      }),
    }))
    expect(await late.run()).toEqual(['b'])
  })

  test('join() refuses the open transaction of the kit itself', async () => {
    const client = connect('journal_mode = wal')
    const database = await started({ client })
    await database.transaction(async () => {
      await expect(database.join(client)).rejects.toMatchObject({ code: 'transaction-misuse' })
    })
  })
})

describe('a lock of somebody else', () => {
  test('is waited for up to the timeout, on timers', async () => {
    const environment = simulatedEnvironment()
    const database = await started({ environment, busyTimeoutMs: 4_000 })
    const other = connect()
    other.exec('begin immediate')
    let outcome = 'waiting'
    void add(database, 'a').catch((error: Error) => (outcome = error.message))
    await environment.advance(3_990)
    expect(outcome).toBe('waiting')
    await environment.advance(20)
    expect(outcome).toMatch(/^The database is locked by another connection, while .*find who keeps a transaction open/)
    other.exec('rollback')
    const later = add(database, 'b')
    await environment.advance(100)
    await later
    expect(await names(database)).toEqual(['b'])
  })

  test('that keeps readers of a rollback journal delays the commit, not the outcome', async () => {
    const database = await started({ client: connect('journal_mode = delete') })
    const other = connect()
    other.exec('begin')
    other.prepare('select * from entry').all()
    const added = add(database, 'a')
    setTimeout(() => other.exec('commit'), 20)
    await added
    expect(await names(database)).toEqual(['a'])
  })

  test('by a transaction left open on the own connection ends as database-busy', async () => {
    const client = connect('journal_mode = wal')
    const database = await started({ client, busyTimeoutMs: 20 })
    client.exec('begin')
    await expect(add(database, 'a')).rejects.toMatchObject({ code: 'database-busy' })
    await expect(names(database)).rejects.toMatchObject({ code: 'database-busy' })
  })
})
