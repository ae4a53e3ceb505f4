import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { RoundFigures } from '@tidings/tools/torture-rounds'
import Libsql from 'libsql'
import type { Broker } from 'tidings/broker'
import { mulberry32 } from 'tidings/testing'
import { expect } from 'vitest'
import { startProcess, type RunningProcess } from './kill.fixture.ts'
import { startServer } from './start.ts'

/**
 * Consumers whose process stands still (SIGSTOP) for longer than it may: its leases go to others, and it does not know
 * when it goes on.
 */

const caller = { namespace: 'default', principal: 'operator' }
const topic = 'load.event'
const subscription = 'load.all'
const effectsSubscription = 'audit.write-down'
/** A stopped service is noticed after three of these. */
const pingIntervalMs = 300

/** Pulls with the shortest lease, works a little, settles, and says what it was told. */
const pullerProgram = `
  import { setTimeout as pause } from 'node:timers/promises'
  import { connect } from 'tidings'
  const caller = ${JSON.stringify(caller)}
  const subscription = '${subscription}'
  const broker = connect(process.argv[1], { WebSocket: null })
  console.log('started')
  for (;;) {
    const { deliveries } = await broker.pull(caller, { subscription, max: 3, waitMs: 1_000, leaseMs: 1_000 })
    if (deliveries.length === 0) continue
    console.log('got ' + deliveries.map(({ event }) => event.id).join(','))
    await pause(50)
    const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' }))
    const answers = await broker.settle(caller, { subscription, outcomes })
    for (const [index, { event }] of deliveries.entries()) {
      const { status, code } = answers[index]
      console.log((code ?? status) + ' ' + event.id)
    }
  }
`

/** One instance of a service; nothing in its table keeps the same row from being there twice. */
const serviceProgram = `
  import { setTimeout as pause } from 'node:timers/promises'
  import Libsql from 'libsql'
  import { connect, createService, defineContract, defineEvent } from 'tidings'
  import { sqliteDatabase } from 'tidings/databases/sqlite'
  import { WebSocket } from 'ws'
  import { z } from 'zod'
  const [url, file] = process.argv.slice(1)
  const client = new Libsql(file)
  client.exec('pragma journal_mode = wal; create table if not exists effect (id text not null)')
  const load = defineContract('load', { event: defineEvent({ schema: z.object({}) }) })
  const service = createService({
    contract: defineContract('audit', {}),
    broker: connect(url, { WebSocket }),
    database: sqliteDatabase({ client }),
    report: () => undefined,
  })
  service.on('write-down', load.event, { from: 'beginning', concurrency: 4, prefetch: 8 }, async (handling) => {
    console.log('begun ' + handling.event.id)
    await pause(50)
    await handling.transaction((tx) => tx.query('insert into effect (id) values (?)', [handling.event.id]))
  })
  await service.start()
  console.log('started')
`

interface Publishing {
  readonly published: readonly string[]
  stop(): Promise<void>
}

/** Publishes all the time, so that there is always something in somebody's hands. */
function publishOn(broker: Broker): Publishing {
  const published: string[] = []
  const ending = new AbortController()
  const loop = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const id = String(published.length)
      const event = { id, source: '/load', type: topic, key: id, data: new TextEncoder().encode('{}') }
      await broker.publish(caller, { topic, events: [{ event }] })
      published.push(id)
      await pause(15)
    }
  }
  const running = loop()
  return {
    published,
    async stop() {
      ending.abort()
      await running
    },
  }
}

/** What a process says from now on, line by line, each time it is asked. */
function listen(to: RunningProcess): () => readonly string[] {
  let read = to.lines.length
  return () => {
    const fresh = to.lines.slice(read)
    read += fresh.length
    return fresh
  }
}

async function first<Result>(find: () => Result | undefined): Promise<Result> {
  for (;;) {
    const found = find()
    if (found !== undefined) return found
    await pause(2)
  }
}

/** Whether others are told of what a process held when it was stopped. They are not where it had settled just before. */
async function goesToAnother(
  broker: Broker,
  stopped: {
    readonly subscription: string
    readonly held: readonly string[]
    /** What others are told of, each time it is asked. */
    readonly told: () => readonly string[]
  },
): Promise<boolean> {
  for (;;) {
    if (stopped.told().some((id) => stopped.held.includes(id))) return true
    const explained = await Promise.all(
      stopped.held.map((id) =>
        broker.explain(caller, { subscription: stopped.subscription, event: { source: '/load', id } }),
      ),
    )
    if (explained.every(({ state }) => state === 'settled')) return false
    await pause(2)
  }
}

/** Pullers that stand still until another has what they hold: each event is settled by one of them, once. */
export async function playStoppedPullers(seed: number, { stops }: { readonly stops: number }): Promise<RoundFigures> {
  const random = mulberry32(seed)
  await using server = await startServer({ engine: 'memory', port: 0 })
  await server.broker.putTopic(caller, { topic, kind: 'event', owner: 'load' })
  await server.broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
  const pullers = await Promise.all(Array.from({ length: 3 }, () => startProcess(pullerProgram, server.url)))
  const publishing = publishOn(server.broker)
  try {
    for (let stop = 0; stop < stops; stop++) {
      const one = pullers[Math.floor(random() * pullers.length)]!
      const others = pullers.filter((puller) => puller !== one).map((puller) => listen(puller))
      const said = listen(one)
      const told = (): readonly string[] => others.flatMap((other) => idsGot(other()).flat())
      for (let wentOn = false; !wentOn;) {
        const held = await first(() => idsGot(said()).at(-1))
        one.signal('SIGSTOP')
        wentOn = await goesToAnother(server.broker, { subscription, held, told })
        one.signal('SIGCONT')
      }
      const outcome = await first(() => said().find((line) => !line.startsWith('got ')))
      expect(outcome, 'what the one was told that had stood still').toMatch(/^lease-lost /)
    }
    await publishing.stop()
    const { published } = publishing
    const lines = (): readonly string[] => pullers.flatMap((puller) => puller.lines)
    const withWord = (word: string): string[] =>
      lines().flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []))
    await first(() => (new Set(withWord('settled')).size >= published.length ? true : undefined))
    expect((await server.broker.stats(caller, subscription)).acknowledged).toBe(published.length)
    expect(withWord('settled').toSorted()).toEqual([...published].toSorted())
    const refused = withWord('lease-lost').length
    expect(refused, 'late acknowledgements that were refused').toBeGreaterThan(0)
    return {
      counts: { stops, events: published.length, 'late acknowledgements refused': refused, 'acknowledged twice': 0 },
    }
  } finally {
    await publishing.stop()
    await Promise.all(pullers.map((puller) => puller.kill()))
  }
}

function idsGot(lines: readonly string[]): string[][] {
  return lines.flatMap((line) => (line.startsWith('got ') ? [line.slice(4).split(',')] : []))
}

export interface StoppedServicesSize {
  readonly stops: number
  /** How often an instance is killed instead: its stream ends at once. */
  readonly kills: number
}

/**
 * Two instances of a service over one database. One stands still with an event in hand, sometimes for so long that the
 * inbox has forgotten it, or is killed: the other has each effect, and together they have it once.
 */
export async function playStoppedServices(seed: number, size: StoppedServicesSize): Promise<RoundFigures> {
  const random = mulberry32(seed)
  const path = await mkdtemp(join(tmpdir(), 'tidings-stopped-'))
  const file = join(path, 'effects.db')
  await using server = await startServer({ engine: 'memory', port: 0, limits: { pingIntervalMs } })
  await server.broker.putTopic(caller, { topic, kind: 'event', owner: 'load' })
  const instances = [await startProcess(serviceProgram, server.url, file)]
  instances.push(await startProcess(serviceProgram, server.url, file))
  const publishing = publishOn(server.broker)
  const redelivered: number[] = []
  let forgotten = 0
  const database = new Libsql(file, { timeout: 0 })
  try {
    const turns = [...Array<'stop'>(size.stops).fill('stop'), ...Array<'kill'>(size.kills).fill('kill')]
    for (const [turn, what] of turns.entries()) {
      const index = Math.floor(random() * 2)
      const heard = listen(instances[1 - index]!)
      const told = (): readonly string[] => idsBegun(heard())
      for (let wentOn = false; !wentOn;) {
        const one = instances[index]!
        const said = listen(one)
        const held = await first(() => idsBegun(said()).at(-1))
        const at = performance.now()
        one.signal(what === 'kill' ? 'SIGKILL' : 'SIGSTOP')
        wentOn =
          (what === 'kill' || !(await isLocked(database))) &&
          (await goesToAnother(server.broker, { subscription: effectsSubscription, held: [held], told }))
        if (what === 'kill') {
          if (wentOn) redelivered.push(performance.now() - at)
          instances[index] = await startProcess(serviceProgram, server.url, file)
          continue
        }
        if (wentOn && (turn === 0 || random() < 0.3)) {
          await first(() => (isForgotten(database, held) ? true : undefined))
          forgotten++
        }
        one.signal('SIGCONT')
      }
    }
    await publishing.stop()
    await untilHandled(server.broker, publishing.published.length)
    const effects = (database.prepare('select id from effect').all() as { id: string }[]).map(({ id }) => id)
    expect(effects.toSorted()).toEqual([...publishing.published].toSorted())
    return {
      counts: {
        stops: size.stops,
        'of these longer than the inbox remembers': forgotten,
        kills: size.kills,
        effects: effects.length,
        'effects twice': 0,
      },
      timesMs: { 'redelivered after the stream ended': redelivered },
    }
  } finally {
    await publishing.stop()
    database.close()
    await Promise.all(instances.map((instance) => instance.kill()))
    await rm(path, { recursive: true })
  }
}

function idsBegun(lines: readonly string[]): string[] {
  return lines.flatMap((line) => (line.startsWith('begun ') ? [line.slice(6)] : []))
}

/** Whether nobody can write for two seconds: as when a process was stopped within its commit. */
async function isLocked(database: Libsql.Database): Promise<boolean> {
  for (let look = 0; look < 100; look++) {
    try {
      database.exec('begin immediate; rollback')
      return false
    } catch (error) {
      if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error
      await pause(20)
    }
  }
  return true
}

/** The effect is there, and the row of the inbox that said so is gone. */
function isForgotten(database: Libsql.Database, id: string): boolean {
  const count = (table: string, column: string): number => {
    const row = database.prepare(`select count(*) as count from ${table} where ${column} = ?`).get(id)
    return (row as { count: number }).count
  }
  return count('effect', 'id') > 0 && count('tidings_inbox', 'id') === 0
}

async function untilHandled(broker: Broker, count: number): Promise<void> {
  while ((await broker.stats(caller, effectsSubscription)).acknowledged < count) await pause(20)
}
