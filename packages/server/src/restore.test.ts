import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import Libsql from 'libsql'
import { connect, createService, defineContract, defineEntity, defineEvent, type Service } from 'tidings'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { restoreStore } from 'tidings/engines/embedded'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'

/** The built server in a process of its own, as users run it. */
const program = `
  import { startServer } from '@tidings/server'
  const [path, port] = process.argv.slice(1)
  const server = await startServer({ path, port: Number(port) })
  console.log(server.url)
`
const crm = defineContract('crm', {
  customer: defineEntity({ key: 'id', schema: z.object({ id: z.string(), name: z.string() }) }),
  signedUp: defineEvent({ key: 'id', schema: z.object({ id: z.string() }) }),
})
const late = defineContract('late', {
  visit: defineEntity({ key: 'id', schema: z.object({ id: z.string() }) }),
})
const caller = { namespace: 'default', principal: 'operator' }

it(
  'after a restore of an older backup everything follows the state of the owners, no effect happens twice, and nothing keeps what was lost',
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tidings-restore-'))
    const world = new World(folder)
    let server = await startServer(join(folder, 'first'), '0')
    try {
      const port = new URL(server.url).port
      await world.start(server.url)
      await world.signUp('c', 100)
      await until(() => world.effects().length === 100)

      // What is not settled in the backup, but was since, must not happen again.
      world.block()
      await world.signUp('open', 30)
      const load = world.signUp('load', 200)
      const backup = Buffer.from(await (await fetch(`${server.url}/backup`)).arrayBuffer())
      await load
      world.unblock()

      await world.change({ 'c-1': 'Lost', 'c-2': null, 'd-1': 'Dan' })
      await world.startLate(server.url)
      await world.signUp('after', 30)
      await until(() => world.effects().length === 360)
      await until(() => world.isEverywhere())
      // The rows that would recognise a delivery are gone; only the floor says what is applied.
      await until(() => world.inboxRows() === 0)

      await server.kill()
      await restoreStore({ backup: inPieces(backup), path: join(folder, 'second') })
      server = await startServer(join(folder, 'second'), port)

      await until(() => world.isEverywhere())
      await world.change({ 'c-1': 'Found', 'c-3': null, 'e-1': 'Eve' })
      await world.signUp('anew', 10)
      await until(() => world.isEverywhere())
      await until(() => world.effects().length >= 370)
      const broker = connect(server.url, { WebSocket })
      await until(async () => (await broker.stats(caller, 'mail.welcome')).pending === 0)
      expect(world.effects().filter((id, index, all) => all.indexOf(id) !== index)).toEqual([])
      expect(await newest(server.url, 'crm.customer')).toEqual(world.customers())
      // The topic is made again by the service that owns it, and filled.
      await until(async () => 'v' in (await newest(server.url, 'late.visit').catch(() => ({}))))
      await broker.stop()
    } finally {
      await world.stop()
      await server.kill()
      await rm(folder, { recursive: true })
    }
  },
)

/** Services, each with a database file, that live through all of it. */
class World {
  readonly #folder: string
  readonly #files = new Map<string, InstanceType<typeof Libsql>>()
  readonly #services: Service[] = []
  readonly #copies: (() => Promise<Record<string, unknown>[]>)[] = []
  #owner: Service | undefined
  #gate: Promise<void> = Promise.resolve()
  #open: () => void = () => undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  async start(url: string): Promise<void> {
    const owner = this.#service(crm, 'crm', url)
    this.#client('crm').exec('create table customer (id text primary key, name text not null)')
    owner.owns(crm.customer, { table: 'customer' })
    this.#owner = owner
    const mail = this.#service(defineContract('mail', {}), 'mail', url)
    this.#client('mail').exec('create table effect (id text not null)')
    const inTable = mail.replicate(crm.customer, { columns: ['name'] })
    const inMemory = mail.replicate(crm.customer, { columns: ['name'], store: 'memory', name: 'fast' })
    this.#copies.push(
      () => inTable.all(),
      () => inMemory.all(),
    )
    mail.on('welcome', crm.signedUp, { from: 'beginning' }, async ({ event, transaction }) => {
      await this.#gate
      await transaction((tx) => tx.query('insert into effect (id) values (?)', [event.data.id]))
    })
    for (const service of this.#services) await service.start()
  }

  /** A service that the backup does not know, nor its topic. */
  async startLate(url: string): Promise<void> {
    const service = this.#service(late, 'late', url)
    this.#client('late').exec("create table visit (id text primary key); insert into visit values ('v')")
    service.owns(late.visit, { table: 'visit' })
    const replica = service.replicate(crm.customer, { columns: ['name'] })
    this.#copies.push(() => replica.all())
    await service.start()
    await service.transaction((tx) => tx.changed(late.visit, 'v'))
  }

  async signUp(name: string, count: number): Promise<void> {
    for (let number = 0; number < count; number++) {
      const id = `${name}-${number}`
      await this.#owner!.transaction(async (tx) => {
        await tx.query('insert into customer (id, name) values (?, ?)', [id, id])
        await tx.changed(crm.customer, id)
        await tx.publish(crm.signedUp, { id })
      })
    }
  }

  /** Changes, creates and (`null`) deletes. */
  async change(names: Readonly<Record<string, string | null>>): Promise<void> {
    for (const [id, name] of Object.entries(names)) {
      await this.#owner!.transaction(async (tx) => {
        await tx.query('delete from customer where id = ?', [id])
        if (name !== null) await tx.query('insert into customer (id, name) values (?, ?)', [id, name])
        await tx.changed(crm.customer, id)
      })
    }
  }

  /** Handlers wait from here on. */
  block(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve))
  }

  unblock(): void {
    this.#open()
  }

  customers(): Record<string, unknown> {
    const rows = this.#client('crm').prepare('select id, name from customer').all() as { id: string; name: string }[]
    return Object.fromEntries(rows.map(({ id, name }) => [id, name]).toSorted())
  }

  async isEverywhere(): Promise<boolean> {
    const expected = JSON.stringify(this.customers())
    for (const copy of this.#copies) {
      const rows = await copy().catch(() => [])
      const names = Object.fromEntries(rows.map(({ id, name }) => [id, name]).toSorted())
      if (JSON.stringify(names) !== expected) return false
    }
    return true
  }

  effects(): string[] {
    return (this.#client('mail').prepare('select id from effect').all() as { id: string }[]).map(({ id }) => id)
  }

  inboxRows(): number {
    return (this.#client('mail').prepare('select count(*) as count from tidings_inbox').get() as { count: number })
      .count
  }

  async stop(): Promise<void> {
    this.#open()
    await Promise.all(this.#services.map((service) => service.stop()))
    for (const client of this.#files.values()) client.close()
  }

  #service<Contract extends Parameters<typeof createService>[0]['contract']>(
    contract: Contract,
    name: string,
    url: string,
  ): Service {
    const client = new Libsql(join(this.#folder, `${name}.db`))
    client.exec('pragma journal_mode = wal')
    const service = createService({
      contract,
      broker: connect(url, { WebSocket }),
      database: sqliteDatabase({ client }),
      report: () => undefined,
    })
    this.#services.push(service)
    return service
  }

  /** A connection of the test's own. */
  #client(name: string): InstanceType<typeof Libsql> {
    const known = this.#files.get(name)
    if (known) return known
    const client = new Libsql(join(this.#folder, `${name}.db`))
    client.exec('pragma busy_timeout = 5000')
    this.#files.set(name, client)
    return client
  }
}

/** The newest state of each key that the broker has, deleted ones left out. */
async function newest(url: string, topic: string): Promise<Record<string, unknown>> {
  const broker = connect(url, { WebSocket: null })
  const { events } = await broker.latest(caller, { topic, limit: 1_000 })
  await broker.stop()
  const rows = events
    .filter(({ event }) => !event.type.endsWith('.deleted'))
    .map(({ event }) => JSON.parse(new TextDecoder().decode(event.data)) as { id: string; name?: string })
  return Object.fromEntries(rows.map(({ id, name }) => [id, name] as const).toSorted())
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(20)
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}

async function startServer(path: string, port: string): Promise<{ url: string; kill(): Promise<void> }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, path, port], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (printed: Buffer) => resolve(printed.toString().trim()))
    void ended.then(() => reject(new Error('The server ended before it was ready.')))
  })
  return {
    url,
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
