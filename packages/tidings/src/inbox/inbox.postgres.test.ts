import { beforeEach, describe, expect, it } from 'vitest'
import type { Delivery } from '../broker/index.ts'
import type { Database, Transaction } from '../database/index.ts'
import { onPostgres, type PostgresBench } from '../testing/databases.fixture.ts'
import { DatabaseWentBack, Inbox, inboxMigrations } from './index.ts'
import { tablesOf } from './tables.ts'

const subscription = 'mail.thank-buyer'
let bench: PostgresBench
let database: Database

beforeEach(async (context) => {
  bench = await onPostgres(context)
  database = bench.database
  await database.migrate(inboxMigrations(database.dialect))
  await bench.pool.query('create table public.email (id text not null)')
})

const open = (through: Database = database): Promise<Inbox> =>
  Inbox.open({ database: through, environment: bench.environment, subscription, onTrouble: () => undefined })

const deliver = (number: number, more: Partial<Delivery> = {}): Delivery => ({
  lease: `lease-${number}`,
  position: `life.${number}`,
  appendedAt: 0,
  generation: 1,
  attempt: 1,
  event: { id: `e${number}`, source: 'sales', type: 'sales.order' },
  ...more,
})

interface Applying {
  /** The row of the inbox is written, or was there already. */
  readonly inserted: Promise<number | undefined>
  readonly committed: Promise<void>
  commit(): void
}

/** Applies a delivery in a transaction that stays open until the test has it commit. */
function begin(through: Database, inbox: Inbox, delivery: Delivery): Applying {
  let commit = (): void => undefined
  const held = new Promise<void>((resolve) => (commit = resolve))
  let answer = (_: Promise<number | undefined>): void => undefined
  const inserted = new Promise<number | undefined>((resolve) => (answer = resolve))
  const committed = through.transaction(async (transaction) => {
    const inserting = inbox.insert(transaction, delivery)
    answer(inserting)
    if ((await inserting) !== undefined) await sendEmail(transaction, delivery)
    await held
  })
  // Whoever looks at one of the two sees how it failed.
  void inserted.catch(() => undefined)
  void committed.catch(() => undefined)
  return { inserted, committed, commit }
}

async function sendEmail(transaction: Transaction, { event }: Delivery): Promise<void> {
  await transaction.query('insert into public.email values ($1)', [event.id])
}

async function apply(inbox: Inbox, delivery: Delivery): Promise<number | undefined> {
  const applying = begin(database, inbox, delivery)
  applying.commit()
  await applying.committed
  return await applying.inserted
}

const emails = async () => (await database.query('select id from public.email')).map(({ id }) => id)

/** Resolves when a transaction waits for the end of another. */
async function somebodyWaits(): Promise<void> {
  const waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
  for (;;) if ((await bench.pool.query(waiting)).rowCount !== 0) return
}

describe.each(['read committed', 'repeatable read', 'serializable'])('at %s', (isolation) => {
  let first: Database
  let second: Database

  beforeEach(async () => {
    const settings = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
    first = await bench.connect(settings)
    second = await bench.connect(settings)
  })

  it.each([
    ['the same delivery', {}],
    ['the delivery of another generation', { generation: 2 }],
  ])('of two that apply %s at once one has an effect, and the other is told', async (_, more) => {
    const early = begin(first, await open(first), deliver(1))
    expect(await early.inserted).toBeTypeOf('number')
    const late = begin(second, await open(second), deliver(1, more))
    late.commit()
    await somebodyWaits()
    early.commit()
    await early.committed
    if (isolation === 'read committed') {
      await late.committed
      expect(await late.inserted).toBeUndefined()
    } else {
      await expect(late.committed).rejects.toMatchObject({ code: 'database-busy', retryable: true })
    }
    expect(await emails()).toEqual(['e1'])
    expect(await (await open(second)).has(deliver(1, more))).toBe(true)
  })

  it('whoever waited has the effect when the other rolls back', async () => {
    const early = first.transaction(async (transaction) => {
      await (await open(database)).insert(transaction, deliver(1))
      late = begin(second, await open(second), deliver(1))
      late.commit()
      await somebodyWaits()
      throw new Error('the handler failed')
    })
    let late: Applying | undefined
    await expect(early).rejects.toThrow('the handler failed')
    await late?.committed
    expect(await emails()).toEqual(['e1'])
  })

  it('many deliveries at once are marked, pruned and counted side by side', async () => {
    const inboxes = [await open(first), await open(second)]
    const numbers = Array.from({ length: 20 }, (_, index) => index + 1)
    const applyUntilDone = async (number: number): Promise<void> => {
      const [inbox, through] = number % 2 === 0 ? [inboxes[0]!, first] : [inboxes[1]!, second]
      const applying = begin(through, inbox, deliver(number))
      applying.commit()
      const busy = await applying.committed.then(
        () => undefined,
        (error: unknown) => error,
      )
      if (busy === undefined) return await inbox.confirm(await applying.inserted)
      expect(busy).toMatchObject({ code: 'database-busy' })
      await applyUntilDone(number)
    }
    await Promise.all(numbers.map(applyUntilDone))
    for (const inbox of inboxes) inbox.passed({ generation: 1, floor: 'life.20' })
    await bench.environment.advance(5_000)
    expect((await emails()).sort()).toEqual(numbers.map((number) => `e${number}`).sort())
    expect((await open()).counter).toBe(Math.max(...inboxes.map(({ counter }) => counter)))
    expect(await (await open()).floor()).toBe('life.20')
  })
})

describe('the counter that is told with an effect', () => {
  it('is not reached by a state that lacks the effect, although its own number was overtaken', async () => {
    const [inbox, other] = [await open(), await open()]
    const slow = begin(database, inbox, deliver(1))
    await slow.inserted
    const quick = await apply(other, deliver(2))
    await other.confirm(quick)
    const backup = await open()
    slow.commit()
    await slow.committed
    await inbox.confirm(await slow.inserted)
    expect(await slow.inserted).toBeLessThan(quick ?? 0)
    expect(inbox.counter).toBeGreaterThan(backup.counter)
  })

  it('is one for all whose effects were committed before it was taken', async () => {
    const inbox = await open()
    const counters = [await apply(inbox, deliver(1)), await apply(inbox, deliver(2)), await apply(inbox, deliver(3))]
    const before = inbox.counter
    await Promise.all(counters.map((counter) => inbox.confirm(counter)))
    // The first goes alone; the others share what follows.
    expect(inbox.counter - Math.max(before, counters[2] ?? 0)).toBe(2)
  })

  it('goes up only, also while others take numbers', async () => {
    const inbox = await open()
    const { raiseCounter } = tablesOf(database.dialect)
    const slow = begin(database, inbox, deliver(1))
    await slow.inserted
    const raising = database.transaction((transaction) => raiseCounter(transaction, 50))
    await somebodyWaits()
    slow.commit()
    await raising
    expect(await apply(inbox, deliver(2))).toBe(51)
    await database.transaction((transaction) => raiseCounter(transaction, 20))
    expect(await apply(inbox, deliver(3))).toBe(52)
  })
})

describe('a database that is set back while it is in use', () => {
  beforeEach(async () => {
    const inbox = await open()
    await apply(inbox, deliver(1))
    await inbox.confirm()
  })

  it('is noticed by the next effect, which does not happen', async () => {
    const inbox = await open()
    await bench.pool.query('delete from tidings.inbox; delete from tidings.inbox_marks')
    await expect(apply(inbox, deliver(2))).rejects.toThrow(DatabaseWentBack)
    expect(await emails()).toEqual(['e1'])
  })

  it('is noticed before an effect is told, too', async () => {
    const inbox = await open()
    await bench.pool.query('delete from tidings.inbox; delete from tidings.inbox_marks')
    await expect(inbox.confirm()).rejects.toThrow(DatabaseWentBack)
    expect((await open()).counter).toBe(0)
  })
})

it('a connection that is ended in the middle leaves neither effect nor row', async () => {
  const inbox = await open()
  const ended = database.transaction(async (transaction) => {
    await inbox.insert(transaction, deliver(1))
    await sendEmail(transaction, deliver(1))
    const [row] = await transaction.query<{ pid: number }>('select pg_backend_pid() as pid')
    await bench.pool.query('select pg_terminate_backend($1)', [row!.pid])
  })
  await expect(ended).rejects.toMatchObject({ code: 'commit-unknown' })
  expect(await inbox.has(deliver(1))).toBe(false)
  expect(await apply(inbox, deliver(1))).toBeTypeOf('number')
  expect(await emails()).toEqual(['e1'])
})
