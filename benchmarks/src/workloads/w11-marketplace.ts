import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Libsql from 'libsql'
import { connect, createService, defineContract, defineEntity, type Broker } from 'tidings'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { inDriver } from '../house/driver.ts'
import { inFolder } from '../house/folder.ts'
import { latencies, type Percentiles } from '../house/latency.ts'
import { openLoop, until } from '../house/loops.ts'
import { figureBy, inOneRound, type Outcomes } from '../house/rounds.ts'
import { rowOf } from '../house/table.ts'
import { usageOf } from '../house/usage.ts'
import { startTidingsServer } from '../systems/tidings-server.ts'
import type { Workload } from './workload.ts'

const changesPerSecond = 800_000 / 60
const keys = 1_000_000
const batch = 100
const planned = 72
/** A key that is not among the others; its state says when it was to be published. */
const marker = 'marker'
const markersPerSecond = 20
/** The moment of the last marker: later than any other, and not measured. */
const theEnd = 9e15

const plan = defineContract('market', {
  plan: defineEntity({ key: 'id', schema: z.object({ id: z.string(), at: z.number(), limits: z.string() }) }),
})
const owner = { namespace: 'default', principal: 'market' }
const limits = 'x'.repeat(140)

interface CopyRun {
  readonly url: string
  readonly folder: string
  readonly instance: number
}

interface CopyResult {
  /** From the moment at which a change was to be published to that at which a reader of the copy sees it. */
  readonly freshness: Percentiles
  readonly receivedBytes: number
}

/** One instance: a process with its copy in memory. It ends when it has the last state, and says how fresh it was. */
export const copy = inDriver(import.meta.url, 'copy', async (run: CopyRun): Promise<CopyResult> => {
  const broker = connect(run.url, { WebSocket, timeoutMs: 60_000 })
  await broker.start()
  const database = sqliteDatabase({ client: new Libsql(join(run.folder, `copy-${run.instance}.db`)) })
  await database.start()
  const service = createService({ contract: defineContract(`gateway-${run.instance}`, {}), broker, database })
  const plans = service.replicate(plan.plan, { columns: ['at', 'limits'], store: 'memory' })
  await service.start()
  await until(() => plans.status().state === 'ready')
  await writeFile(join(run.folder, `ready-${run.instance}`), '')
  const before = await readBytes()
  const times = latencies()
  let last = 0
  await until(async () => {
    const at = (await plans.get(marker))?.at ?? 0
    if (at > last && at !== theEnd) times.record(performance.timeOrigin + performance.now() - at)
    last = Math.max(last, at)
    return at === theEnd
  })
  const receivedBytes = (await readBytes()) - before
  await service.stop()
  await broker.stop()
  return { freshness: times.percentiles(), receivedBytes }
})

/** What this process has read, from sockets above all (proc(5), `rchar`). */
async function readBytes(): Promise<number> {
  return Number(/^rchar: (\d+)/m.exec(await readFile('/proc/self/io', 'utf8'))![1])
}

interface Market {
  readonly publishedPerSecond: number
  /** The worst instance's. */
  readonly p50: number
  readonly p99: number
  readonly cpuCores: number
  readonly bytesPerCopyAndSecond: number
  /** How late the last instance had everything. */
  readonly behindSeconds: number
}

export const market = inDriver(
  import.meta.url,
  'market',
  ({ instances, seconds }: { readonly instances: number; readonly seconds: number }): Promise<Market> =>
    inFolder(async (folder) => {
      const { url, program } = await startTidingsServer(folder)
      const broker = connect(url, { WebSocket, timeoutMs: 60_000 })
      await broker.start()
      await broker.putTopic(owner, { topic: plan.plan.topic, kind: 'entity', owner: 'market' })
      const copies = Array.from({ length: instances }, (_, instance) => copy({ url, folder, instance }))
      for (const each of copies) each.catch(() => undefined)
      await until(async () => (await readdir(folder)).filter((name) => name.startsWith('ready-')).length === instances)
      const before = usageOf([process.pid, program.pid]).cpuSeconds
      const { published, elapsed } = await change(broker, seconds)
      const cpuCores = (usageOf([process.pid, program.pid]).cpuSeconds - before) / elapsed
      const end = performance.now()
      await publish(broker, [stateOf(marker, theEnd)])
      const results = await Promise.all(copies)
      const behindSeconds = (performance.now() - end) / 1_000
      await broker.stop()
      await program.end()
      const worst = (of: (result: CopyResult) => number): number => Math.max(...results.map(of))
      return {
        publishedPerSecond: published / elapsed,
        p50: worst(({ freshness }) => freshness.p50),
        p99: worst(({ freshness }) => freshness.p99),
        cpuCores,
        bytesPerCopyAndSecond: worst(({ receivedBytes }) => receivedBytes) / (elapsed + behindSeconds),
        behindSeconds,
      }
    }),
)

/** At the rate that was planned for, in publishes of 100, and a marker twenty times a second. */
async function change(broker: Broker, seconds: number): Promise<{ published: number; elapsed: number }> {
  let chance = 7
  let published = 0
  const every = Math.round(changesPerSecond / batch / markersPerSecond)
  const { seconds: elapsed } = await openLoop({ perSecond: changesPerSecond / batch, seconds }, async (number, due) => {
    const at = performance.timeOrigin + due
    const states = Array.from({ length: batch }, () => {
      chance = (Math.imul(chance, 1_664_525) + 1_013_904_223) >>> 0
      return stateOf(`p${Math.floor((chance / 2 ** 32) * keys)}`, at)
    })
    if (number % every === 0) states[0] = stateOf(marker, at)
    await publish(broker, states)
    published += batch
  })
  return { published, elapsed }
}

let events = 0

function stateOf(id: string, at: number) {
  const { type, dataschema } = plan.plan.updated
  const data = Buffer.from(JSON.stringify({ id, at, limits }))
  return { id: `e${++events}`, source: '/market', type, dataschema, key: id, datacontenttype: 'application/json', data }
}

async function publish(broker: Broker, states: readonly ReturnType<typeof stateOf>[]): Promise<void> {
  const answers = await broker.publish(owner, { topic: plan.plan.topic, events: states.map((event) => ({ event })) })
  const refused = answers.find(({ status }) => status !== 'stored')
  if (refused) throw new Error(`the server answered ${JSON.stringify(refused)} to a change`)
}

export const w11: Workload = {
  id: 'W11',
  title: 'A marketplace’s plans in the memory of its gateways',
  async run({ isQuick, say }) {
    const seconds = isQuick ? 8 : 60
    const counts = isQuick ? [1, 4] : [1, 4, 16]
    const nameOf = (instances: number): string => `${instances} ${instances === 1 ? 'instance' : 'instances'}`
    const outcomes = await inOneRound(
      Object.fromEntries(counts.map((instances) => [nameOf(instances), () => market({ instances, seconds })])),
      say,
    )
    return [
      {
        title: '800,000 changes a minute, of a million keys',
        note: `${seconds} s, one run each, no warm-up. Changes of 200 B, published 100 at a time; each instance is a process with a copy in memory, and looks for news every 200 ms. A copy in memory reads the whole topic: coalescing exists for the deliveries of a subscription, not for these copies, so every change crosses to every copy. Publisher, server and instances share the cores.`,
        columns: [
          { title: 'published', unit: '/s' },
          { title: 'freshness p50', unit: 'ms' },
          { title: 'freshness p99', unit: 'ms' },
          { title: 'CPU of everything', unit: 'cores' },
          { title: 'to each copy', unit: 'MB/s' },
          { title: 'behind at the end', unit: 's' },
        ],
        rows: counts.map((instances) =>
          rowOf(nameOf(instances), outcomes.get(nameOf(instances))!, (results) => {
            const published = figureBy(results, ({ publishedPerSecond }) => publishedPerSecond)
            const p99 = figureBy(results, (result) => result.p99)
            const bill =
              instances === counts.at(-1) ? billOf(outcomes, nameOf(1), nameOf(instances), instances) : undefined
            return {
              values: [
                published,
                figureBy(results, ({ p50 }) => p50),
                p99,
                figureBy(results, ({ cpuCores }) => cpuCores),
                figureBy(results, (result) => result.bytesPerCopyAndSecond / 1e6),
                figureBy(results, ({ behindSeconds }) => behindSeconds),
              ],
              bars: [
                { promise: 'sustained', isMet: published.median >= 0.99 * changesPerSecond },
                { promise: 'p99 < 1 s', isMet: p99.median < 1_000 },
              ],
              ...(bill !== undefined && { remark: bill }),
            }
          }),
        ),
      },
    ]
  },
}

/** What as many copies as were planned would take, each as much as one more took here. */
function billOf(outcomes: Outcomes<Market>, one: string, all: string, instances: number): string | undefined {
  const [first, last] = [outcomes.get(one)!, outcomes.get(all)!]
  if ('failure' in first || 'failure' in last) return undefined
  const cores = (results: readonly Market[]): number => figureBy(results, ({ cpuCores }) => cpuCores).median
  const perCopy = (cores(last.results) - cores(first.results)) / (instances - 1)
  const bytes = figureBy(last.results, ({ bytesPerCopyAndSecond }) => bytesPerCopyAndSecond).median
  const whole = cores(first.results) + (planned - 1) * perCopy
  return `each copy takes ${perCopy.toFixed(2)} cores more; ${planned} would take ${whole.toFixed(1)} cores and ${((planned * bytes) / 1e6).toFixed(0)} MB/s`
}
