import { expect, onTestFinished, test } from 'vitest'
import { allowAll, createBroker, type Broker } from '../../broker/index.ts'
import type { Database } from '../../database/index.ts'
import { memoryEngine } from '../../engines/memory/index.ts'
import { systemEnvironment } from '../../environment/index.ts'
import { TidingsError } from '../../errors.ts'
import { caller, copyOf, customerEntity, customers, mails, readAll, writeAndTell } from '../bench.fixture.ts'
import { createOutbox, type Outbox } from '../index.ts'
import { createStore, type Store } from '../store.fixture.ts'

const writers = 6
const transactionsOfEach = 60
const keys = 8

/** A broker whose calls and answers are lost, by chance. */
function losingCalls(broker: Broker): Broker {
  const publish: Broker['publish'] = async (...call) => {
    const chance = Math.random()
    if (chance < 0.1) throw new TidingsError('unavailable', 'the call was lost')
    const answers = await broker.publish(...call)
    if (chance > 0.9) throw new TidingsError('unavailable', 'the answer was lost')
    return answers
  }
  return new Proxy(broker, {
    get: (target, name: keyof Broker) => (name === 'publish' ? publish : target[name].bind(target)),
  })
}

interface Process {
  readonly database: Database
  readonly outbox: Outbox
}

async function startProcess(store: Store, broker: Broker): Promise<Process> {
  const { database, close } = await store.open({})
  const options = { database, broker, caller, service: 'crm', topics: [customers, mails], pollMs: 20, batchRows: 20 }
  const outbox = createOutbox({ ...options, takeoverMs: 500, onAlarm: () => undefined })
  onTestFinished(async () => {
    await outbox.stop()
    await database.stop()
    await close()
  })
  await outbox.start()
  return { database, outbox }
}

/** Runs transactions, one after another; what became of one whose commit was interrupted stands in the database. */
async function write({ database, outbox }: Process, writer: number): Promise<void> {
  const customer = customerEntity(database, () => systemEnvironment.ids.next())
  for (let number = 0; number < transactionsOfEach; number++) {
    const id = `${writer}-${String(number).padStart(3, '0')}`
    const chance = Math.random()
    const changed = { [`c${Math.floor(Math.random() * keys)}`]: chance < 0.2 ? null : id }
    try {
      await database.transaction(async (transaction) => {
        await transaction.query('insert into told values ($1)', [id])
        // Some stay open while others commit.
        if (chance > 0.7) await new Promise((resolve) => setTimeout(resolve, Math.random() * 60))
        await writeAndTell(
          transaction,
          { database, outbox, customer },
          {
            customers: chance > 0.5 ? changed : {},
            mails: [{ id, key: `writer-${writer}` }],
          },
        )
        if (chance > 0.9) throw new Error('rolled back')
      })
      outbox.wake()
    } catch {
      // Rolled back, or interrupted: then the next one.
    }
  }
}

test('writers, relays and connections that die at random: nothing is lost, nothing comes twice, each key in order', async (context) => {
  const store = await createStore('postgres', context)
  onTestFinished(() => store.remove())
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  onTestFinished(() => broker.stop())
  await broker.putTopic(caller, { topic: customers, kind: 'entity', owner: 'crm' })
  await broker.putTopic(caller, { topic: mails, kind: 'event', owner: 'crm' })
  const admin = await store.connect()
  onTestFinished(() => admin.close())
  await admin.run('create table told (id text primary key)')
  const processes = [await startProcess(store, losingCalls(broker)), await startProcess(store, losingCalls(broker))]

  let over = false
  const writing = Promise.all(Array.from({ length: writers }, (_, writer) => write(processes[writer % 2]!, writer)))
  const killing = (async () => {
    while (!over) {
      await new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 100))
      await admin.run(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and random() < 0.3`,
      )
    }
  })()
  await writing
  over = true
  await killing
  const last = await startProcess(store, broker)
  while ((await last.outbox.stats()).pending > 0) await new Promise((resolve) => setTimeout(resolve, 50))

  const told = await last.database.query<{ id: string }>('select id from told order by id')
  const published = await readAll(broker, mails)
  expect(published.map(({ event }) => event.id).toSorted()).toEqual(told.map(({ id }) => id))
  for (let writer = 0; writer < writers; writer++) {
    const ofWriter = published.map(({ event }) => event.id).filter((id) => id.startsWith(`${writer}-`))
    expect(ofWriter).toEqual(ofWriter.toSorted())
  }
  const rows = await last.database.query<{ id: string; name: string }>('select id, name from customers')
  expect(await copyOf(broker)).toEqual(Object.fromEntries(rows.map(({ id, name }) => [id, name])))
  const versions = new Map<string, number>()
  for (const { event } of await readAll(broker, customers)) {
    expect(Number(event.sequence)).toBe((versions.get(event.key!) ?? 0) + 1)
    versions.set(event.key!, Number(event.sequence))
  }
  expect((await last.outbox.stats()).held).toBe(0)
}, 120_000)
