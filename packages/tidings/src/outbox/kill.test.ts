import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Client from 'libsql'
import { expect, test } from 'vitest'
import { allowAll, createBroker, type Broker, type PublishRequest } from '../broker/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { mulberry32 } from '../testing/index.ts'
import { caller, mails, readAll } from './bench.fixture.ts'

const kills = 6
const keys = 5

/**
 * A service in a process of its own, on the built package: twenty writers whose transactions number the entries of their
 * key and tell of them, a quarter rolled back at the end, and a relay. Its broker is the one of this process.
 */
const script = `
import Client from 'libsql'
import { sqliteDatabase } from '../../dist/databases/sqlite/index.js'
import { createOutbox } from '../../dist/outbox/index.js'

const [file, mode] = process.argv.slice(1)
const asked = new Map()
let calls = 0
process.on('message', ({ call, answer }) => asked.get(call)(answer))
const ask = (method) => (caller, request) =>
  new Promise((resolve) => {
    asked.set(++calls, resolve)
    process.send({ call: calls, method, request })
  })
const broker = { publish: ask('publish'), producer: ask('producer') }
const client = new Client(file)
client.exec('pragma journal_mode = wal')
client.exec('create table if not exists entry (key text, number integer, primary key (key, number))')
const database = sqliteDatabase({ client })
await database.start()
const caller = { namespace: 'default', principal: 'crm' }
const outbox = createOutbox({ database, broker, caller, service: 'crm', topics: ['${mails}'], batchRows: 50, onAlarm: console.error })
await outbox.start()
const write = async () => {
  for (;;) {
    const key = 'k' + Math.floor(Math.random() * ${keys})
    await database.transaction(async (transaction) => {
      const [{ number }] = await transaction.query('select count(*) + 1 as number from entry where key = ?', [key])
      await transaction.query('insert into entry values (?, ?)', [key, number])
      const event = { id: key + ' ' + number, source: '/crm', type: '${mails}', key, data: new Uint8Array([1, 2, 3]) }
      await outbox.flush(transaction, { events: [{ topic: '${mails}', kind: 'event', event }], changes: [] })
      if (Math.random() < 0.25) throw new Error('rolled back')
    }).catch((error) => { if (error.message !== 'rolled back') throw error })
    outbox.wake()
  }
}
if (mode === 'write') for (let writer = 0; writer < 20; writer++) write()
else {
  while ((await outbox.stats()).pending > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  process.exit(0)
}
`

/** Starts the service and answers what it asks of the broker; an answer may be lost with the process. */
function startService(file: string, mode: 'write' | 'drain', broker: Broker): ChildProcess {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, file, mode], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  const methods = {
    publish: (request: PublishRequest) => broker.publish(caller, request),
    producer: (request: { topic: string; producer: string }) => broker.producer(caller, request),
  }
  child.on('message', ({ call, method, request }: { call: number; method: keyof typeof methods; request: never }) => {
    void methods[method](request).then((answer) => child.connected && child.send({ call, answer }, () => {}))
  })
  return child
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', resolve))
}

test('a service that is killed again and again loses no event, invents none, and keeps the order of each key', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-kill-'))
  const file = join(folder, 'service.db')
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  await broker.putTopic(caller, { topic: mails, kind: 'event', owner: 'crm' })
  const random = mulberry32(7)
  try {
    for (let kill = 0; kill < kills; kill++) {
      const before = (await broker.topic(caller, mails)).head
      const child = startService(file, 'write', broker)
      while ((await broker.topic(caller, mails)).head === before) await new Promise((resolve) => setTimeout(resolve, 5))
      await new Promise((resolve) => setTimeout(resolve, random() * 150))
      child.kill('SIGKILL')
      expect(await ended(child), 'it did not end by itself').toBeNull()
    }
    expect(await ended(startService(file, 'drain', broker))).toBe(0)
    const client = new Client(file)
    const published = (await readAll(broker, mails)).map(({ event }) => event.id)
    expect(published.length).toBeGreaterThan(100)
    for (let key = 0; key < keys; key++) {
      const rows = client.prepare('select number from entry where key = ? order by number').all([`k${key}`]) as {
        number: number
      }[]
      expect(published.filter((id) => id.startsWith(`k${key} `))).toEqual(rows.map(({ number }) => `k${key} ${number}`))
    }
    client.close()
  } finally {
    rmSync(folder, { recursive: true })
    await broker.stop()
  }
})
