import { connect, type Broker } from 'tidings'
import { WebSocket } from 'ws'
import { inDriver } from '../house/driver.ts'
import { inFolder } from '../house/folder.ts'
import { until } from '../house/loops.ts'
import { descriptors } from '../house/machine.ts'
import { payloadOf } from '../house/payload.ts'
import { figureBy, inRounds, roundsOf, type Outcome } from '../house/rounds.ts'
import { rowOf, shareOf, type Table } from '../house/table.ts'
import { usageOf } from '../house/usage.ts'
import { startTidingsServer } from '../systems/tidings-server.ts'
import { readersOf } from './live/readers.ts'
import type { Assignment, Workload } from './workload.ts'

interface LiveRun {
  readonly sockets: number
  readonly topics: number
  /** Events on each topic. */
  readonly events: number
}

interface Live {
  readonly bytesPerConnection: number
  readonly deliveriesPerSecond: number
  /** For each second of the server's CPU. */
  readonly deliveriesPerCore: number
  readonly cpuSecondsPerMillion: number
  /** Until all are live again and have what was published meanwhile. */
  readonly stormSeconds: number
  readonly missed: number
}

const caller = { namespace: 'default', principal: 'operator' }
const bytes = 200

/** A server that collects its garbage when it is told to, so that memory means what is held. */
const collects = `data:text/javascript,import{setFlagsFromString as set}from'node:v8';import{runInNewContext as run}from'node:vm';set('--expose-gc');const collect=run('gc');process.on('SIGUSR2',()=>{collect();collect()})`

export const live = inDriver(import.meta.url, 'live', (run: LiveRun): Promise<Live> =>
  inFolder(async (folder) => {
    const { sockets, events } = run
    const { url, program } = await startTidingsServer(folder, ['--import', collects])
    const broker = connect(url, { WebSocket })
    await broker.start()
    const topics = Array.from({ length: run.topics }, (_, number) => `bench.live-${number}`)
    const publish = await publisherTo(broker, topics)
    const held = async (): Promise<number> => {
      process.kill(program.pid, 'SIGUSR2')
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      return usageOf([program.pid]).anonymousBytes
    }
    const readers = readersOf(url, topics, sockets)
    await publish()
    const before = await held()
    await readers.connectAll()
    const bytesPerConnection = ((await held()) - before) / sockets

    const cpu = (): number => usageOf([program.pid]).cpuSeconds
    const whole = (): number => usageOf([program.pid, process.pid]).cpuSeconds
    const [start, cpuBefore, wholeBefore] = [performance.now(), cpu(), whole()]
    for (let event = 0; event < events; event++) await publish()
    await until(() => readers.received() >= events * sockets)
    const seconds = (performance.now() - start) / 1_000
    const deliveries = sockets * events
    const [cpuSeconds, wholeSeconds] = [cpu() - cpuBefore, whole() - wholeBefore]

    readers.breakAll()
    await publish()
    await publish()
    const storm = performance.now()
    await readers.connectAll()
    await until(() => readers.received() >= (events + 2) * sockets)
    const stormSeconds = (performance.now() - storm) / 1_000
    readers.breakAll()
    await broker.stop()
    await program.end()
    return {
      bytesPerConnection,
      deliveriesPerSecond: deliveries / seconds,
      deliveriesPerCore: deliveries / cpuSeconds,
      cpuSecondsPerMillion: (wholeSeconds * 1e6) / deliveries,
      stormSeconds,
      missed: readers.missed(),
    }
  }),
)

/** One event on each of the topics. */
async function publisherTo(broker: Broker, topics: readonly string[]): Promise<() => Promise<void>> {
  for (const topic of topics) await broker.putTopic(caller, { topic, kind: 'event', owner: 'bench' })
  let published = 0
  return async () => {
    const each = topics.map((topic) => {
      const number = published++
      const data = payloadOf({ producer: 0, number }, bytes)
      const event = {
        id: `e${number}`,
        source: '/bench',
        type: 'bench.live',
        datacontenttype: 'application/json',
        data,
      }
      return broker.publish(caller, { topic, events: [{ event }] })
    })
    await Promise.all(each)
  }
}

export const w9: Workload = {
  id: 'W9',
  title: 'Live updates for browsers',
  async run(assignment) {
    const sockets = assignment.isQuick ? 2_000 : 10_000
    const limit = descriptors()
    // Beside the sockets there are files of the store and the program.
    const isEnough = limit === 'unlimited' || Number(limit) >= sockets + 500
    const title = `${sockets.toLocaleString('en')} connections`
    if (isEnough) return [await measure(title, sockets, assignment)]
    const reason = `a process may have ${limit} files open, and ${sockets + 500} are needed: ulimit -n ${sockets + 500}`
    return [{ title, columns: [{ title: 'memory', unit: 'kB' }], rows: [{ name: 'server', notMeasured: reason }] }]
  },
}

async function measure(title: string, sockets: number, { isQuick, limits, say }: Assignment): Promise<Table> {
  const limit = await limits.socketWrites()
  const events = isQuick ? 10 : 50
  const outcomes: ReadonlyMap<string, Outcome<Live>> = await inRounds(
    roundsOf({ isQuick }, 3),
    {
      'one topic, to all': () => live({ sockets, topics: 1, events }),
      [`${sockets / 10} topics, each to 10`]: () => live({ sockets, topics: sockets / 10, events }),
    },
    say,
  )
  return {
    title,
    note: `Server-sent events of 200 B payload over the loopback, one event on every topic after the other; the readers share the cores. Memory is what the server holds more after a collection of garbage. The storm: all connections break, two events are published for each, all come back (100 at a time) and have them. ${limit.id} is what one process writes to as many sockets.`,
    columns: [
      { title: 'memory for each', unit: 'kB' },
      { title: 'deliveries', unit: '/s' },
      { title: 'for each second of the server’s CPU', unit: '' },
      { title: 'storm', unit: 's' },
      { title: 'missed', unit: '' },
    ],
    rows: [...outcomes].map(([name, outcome]) =>
      rowOf(name, outcome, (results) => {
        const memory = figureBy(results, (result) => result.bytesPerConnection / 1_000)
        const speed = figureBy(results, (result) => result.deliveriesPerSecond)
        const perCore = figureBy(results, (result) => result.deliveriesPerCore)
        const missed = figureBy(results, (result) => result.missed)
        return {
          values: [memory, speed, perCore, figureBy(results, ({ stormSeconds }) => stormSeconds), missed],
          cpuSecondsPerMillion: figureBy(results, (result) => result.cpuSecondsPerMillion),
          share: shareOf(limit, speed.median),
          bars: [
            { promise: '≤ 20 kB for each', isMet: memory.median <= 20 },
            { promise: '≥ 100,000 deliveries/s per core', isMet: perCore.median >= 100_000 },
            { promise: 'nothing missed', isMet: missed.highest === 0 },
          ],
        }
      }),
    ),
  }
}
