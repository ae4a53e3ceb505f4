import { inDriver } from '../house/driver.ts'
import { inFolder } from '../house/folder.ts'
import { ledger, mustBeComplete, type Ledger } from '../house/ledger.ts'
import { closedLoop, openLoop, until } from '../house/loops.ts'
import { identityOf, payloadOf } from '../house/payload.ts'
import { figureBy, inOneRound } from '../house/rounds.ts'
import { rowOf } from '../house/table.ts'
import { cpuSecondsWhile } from '../house/usage.ts'
import { systems } from '../systems/index.ts'
import type { RunningSystem } from '../systems/system.ts'
import type { Workload } from './workload.ts'

interface BacklogRun {
  readonly system: string
  readonly messages: number
}

/** Messages or seconds. */
interface Backlog {
  readonly loadedPerSecond: number
  /** From the start of the system, on its backlog, to the first message in a consumer's hand. */
  readonly restartSeconds: number
  /** A second, in each tenth of the drain. */
  readonly tenths: readonly number[]
  readonly cpuSecondsPerMillion: number
  /** The same backlog again, while 2,000 messages a second arrive. */
  readonly underLoadPerSecond: number
  readonly duplicated: number
}

const bytes = 1_000
const inHand = 1_000
const queue = 'backlog'
const arriving = 2_000

export const backlog = inDriver(import.meta.url, 'backlog', (run: BacklogRun): Promise<Backlog> =>
  inFolder(async (folder) => {
    const { system: name, messages } = run
    const system = systems.find((each) => each.name === name)!
    const account = ledger({ producers: 3, messages: 20 * messages })
    let running = await system.start(folder)
    await running.create({ name: queue })
    const loaded = await load(running, account, 0, messages)
    await running.stop()

    const start = performance.now()
    running = await system.start(folder)
    await running.create({ name: queue })
    const drained = await drain(running, account, messages)
    const restartSeconds = (drained.firstAt - start) / 1_000

    await load(running, account, 1, messages)
    const underLoad = await drainUnderLoad(running, account, messages)
    await running.stop()
    return {
      loadedPerSecond: messages / loaded,
      restartSeconds,
      tenths: drained.tenths,
      cpuSecondsPerMillion: (drained.cpuSeconds * 1e6) / messages,
      underLoadPerSecond: underLoad,
      duplicated: mustBeComplete(account).duplicated,
    }
  }),
)

/** Seconds. */
async function load(on: RunningSystem, account: Ledger, producer: number, messages: number): Promise<number> {
  const { seconds } = await closedLoop({ messages, window: 1_024 }, async (number) => {
    await on.publish(queue, payloadOf({ producer, number }, bytes))
    account.acknowledged(producer, number)
  })
  return seconds
}

async function drain(on: RunningSystem, account: Ledger, messages: number) {
  const marks: number[] = []
  let seen = 0
  const { cpuSeconds } = await cpuSecondsWhile(on.pids, async () => {
    const consumer = await on.consume(queue, {
      window: inHand,
      handle(message) {
        const { producer, number } = identityOf(message)
        account.saw(producer, number)
        if (seen++ === 0 || seen % (messages / 10) === 0) marks.push(performance.now())
      },
    })
    await until(() => account.account().seen >= messages)
    await consumer.stop()
  })
  const tenths = marks.slice(1, 11).map((at, place) => (messages * 100) / (at - marks[place]!))
  return { firstAt: marks[0]!, tenths, cpuSeconds }
}

/** Messages of the backlog and of those that arrive, a second, until only the last ones are on their way. */
async function drainUnderLoad(on: RunningSystem, account: Ledger, messages: number): Promise<number> {
  const before = account.account().seen
  let isDrained = false
  const start = performance.now()
  const consumer = await on.consume(queue, {
    window: inHand,
    handle(message) {
      const { producer, number } = identityOf(message)
      account.saw(producer, number)
    },
  })
  let published = 0
  const arrive = async (): Promise<void> => {
    while (!isDrained) {
      await openLoop({ perSecond: arriving, seconds: 1 }, async () => {
        const number = published++
        await on.publish(queue, payloadOf({ producer: 2, number }, bytes))
        account.acknowledged(2, number)
      })
    }
  }
  const load = arrive()
  await until(() => account.account().seen - before >= messages)
  const perSecond = ((account.account().seen - before) * 1_000) / (performance.now() - start)
  isDrained = true
  await load
  await until(() => account.account().seen - before >= messages + published)
  await consumer.stop()
  return perSecond
}

const forms = ['tidings-embedded', 'tidings-server', 'tidings-postgres']

export const w5: Workload = {
  id: 'W5',
  title: 'A backlog is drained',
  async run({ isQuick, systems, say }) {
    const messages = isQuick ? 50_000 : 1_000_000
    const subjects = systems.filter(({ name }) => forms.includes(name))
    const outcomes = await inOneRound(
      Object.fromEntries(subjects.map(({ name }) => [name, () => backlog({ system: name, messages })])),
      say,
    )
    const tenths = Array.from({ length: 10 }, (_, place) => `${(place + 1) * 10} %`)
    return [
      {
        title: `${messages.toLocaleString('en')} messages of 1 kB wait`,
        note: `One run for each, without a warm-up. Loaded with 1,024 in flight; the system is stopped and started on its backlog; drained with ${inHand} in hand, each acknowledged; loaded again, and drained while ${arriving.toLocaleString('en')} a second arrive.`,
        columns: [
          { title: 'loaded', unit: 'msg/s' },
          { title: 'first tenth drained', unit: 'msg/s' },
          { title: 'last tenth', unit: 'msg/s' },
          { title: 'while others arrive', unit: 'msg/s' },
          { title: 'first message after a restart', unit: 's' },
        ],
        rows: [...outcomes].map(([name, outcome]) =>
          rowOf(name, outcome, (results) => {
            const first = figureBy(results, (result) => result.tenths[0]!)
            const last = figureBy(results, (result) => result.tenths[9]!)
            const restart = figureBy(results, ({ restartSeconds }) => restartSeconds)
            return {
              values: [
                figureBy(results, ({ loadedPerSecond }) => loadedPerSecond),
                first,
                last,
                figureBy(results, ({ underLoadPerSecond }) => underLoadPerSecond),
                restart,
              ],
              cpuSecondsPerMillion: figureBy(results, (result) => result.cpuSecondsPerMillion),
              bars: [
                { promise: 'the last tenth within 10 % of the first', isMet: last.median >= 0.9 * first.median },
                { promise: 'restart < 2 s', isMet: restart.median < 2 },
              ],
              remark: `nothing lost, ${Math.max(...results.map(({ duplicated }) => duplicated))} duplicated`,
            }
          }),
        ),
        charts: [
          {
            title: 'Draining a backlog, by what is drained',
            kind: 'lines',
            unit: 'msg/s',
            categories: tenths,
            series: [...outcomes].flatMap(([name, outcome]) =>
              'failure' in outcome ? [] : [{ name, values: outcome.results[0]!.tenths }],
            ),
          },
        ],
      },
    ]
  },
}
