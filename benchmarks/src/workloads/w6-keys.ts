import { inDriver } from '../house/driver.ts'
import { inFolder } from '../house/folder.ts'
import { latencies, type Percentiles } from '../house/latency.ts'
import { ledger, mustBeComplete } from '../house/ledger.ts'
import { closedLoop, openLoop, until } from '../house/loops.ts'
import { identityOf, payloadOf } from '../house/payload.ts'
import { figureBy, inRounds, roundsOf, type Outcomes } from '../house/rounds.ts'
import { rowOf, type Table } from '../house/table.ts'
import { cpuSecondsWhile } from '../house/usage.ts'
import { systemNamed } from '../systems/index.ts'
import { idealSeconds, keysOf, type Spread } from './keys.ts'
import type { Assignment, Workload } from './workload.ts'

const keyCount = 10_000
/** Handlers that run, and messages that the consumer holds, as a service may have it: what is settled makes no slot idle. */
const [atOnce, window] = [64, 1_024]
const bytes = 100
const queue = 'ordered'
const handler = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

interface OrderedRun {
  /** `undefined` for no system at all. */
  readonly system?: string
  readonly spread: Spread
  readonly messages: number
}

interface Ordered {
  readonly perSecond: number
  readonly cpuSecondsPerMillion: number
  readonly duplicated: number
}

export const ordered = inDriver(import.meta.url, 'ordered', async (run: OrderedRun): Promise<Ordered> => {
  const { system: name, spread, messages } = run
  const keys = keysOf(spread, { keys: keyCount, messages })
  if (name === undefined) {
    const { result, cpuSeconds } = await cpuSecondsWhile([], () => idealSeconds(keys, atOnce, handler))
    return { perSecond: messages / result, cpuSecondsPerMillion: (cpuSeconds * 1e6) / messages, duplicated: 0 }
  }
  return inFolder(async (folder) => {
    const running = await systemNamed(name).start(folder)
    const account = ledger({ producers: 1, messages })
    const last = new Int32Array(keyCount).fill(-1)
    await running.create({ name: queue, isOrdered: true })
    const published = new Map<number, Promise<void>>()
    await closedLoop({ messages, window: 1_024 }, async (number) => {
      // Those of one key one after the other, so that their order is known.
      const key = keys[number]!
      const before = published.get(key)
      const own = (async () => {
        await before
        await running.publish(queue, payloadOf({ producer: 0, number }, bytes), `k${key}`)
      })()
      published.set(key, own)
      await own
      account.acknowledged(0, number)
    })
    const start = performance.now()
    const { cpuSeconds } = await cpuSecondsWhile(running.pids, async () => {
      const consumer = await running.consume(queue, {
        window,
        atOnce,
        async handle(message) {
          const { number } = identityOf(message)
          const key = keys[number]!
          if (number < last[key]!) throw new Error(`message ${number} of key ${key} came after ${last[key]}`)
          await handler()
          last[key] = number
          account.saw(0, number)
        },
      })
      await until(() => account.account().seen === messages)
      await consumer.stop()
    })
    const seconds = (performance.now() - start) / 1_000
    await running.stop()
    const { duplicated } = mustBeComplete(account)
    return { perSecond: messages / seconds, cpuSecondsPerMillion: (cpuSeconds * 1e6) / messages, duplicated }
  })
})

interface FailingRun {
  readonly system: string
  readonly perSecond: number
  /** How long one of the keys fails, or would. */
  readonly seconds: number
  readonly isFailing: boolean
}

/** End to end, of the keys that do not fail. */
export const failing = inDriver(import.meta.url, 'failing', (run: FailingRun): Promise<Percentiles> =>
  inFolder(async (folder) => {
    const { perSecond, seconds, isFailing } = run
    const messages = perSecond * seconds
    const keys = keysOf('uniform', { keys: keyCount, messages })
    const bad = keys[0]!
    const dueAt = new Float64Array(messages)
    const times = latencies()
    const running = await systemNamed(run.system).start(folder)
    await running.create({ name: queue, isOrdered: true })
    let seen = 0
    const consumer = await running.consume(queue, {
      window,
      atOnce,
      async handle(message) {
        const { number } = identityOf(message)
        if (keys[number] === bad) {
          if (isFailing) throw new Error('This key fails.')
          return
        }
        await handler()
        seen++
        times.record(performance.now() - dueAt[number]!)
      },
    })
    await openLoop({ perSecond, seconds }, async (number, due) => {
      dueAt[number] = due
      await running.publish(queue, payloadOf({ producer: 0, number }, bytes), `k${keys[number]}`)
    })
    const others = keys.reduce((count, key) => count + (key === bad ? 0 : 1), 0)
    await until(() => seen >= others)
    await consumer.stop()
    await running.stop()
    return times.percentiles()
  }),
)

const forms = ['tidings-embedded', 'tidings-server', 'tidings-postgres']

export const w6: Workload = {
  id: 'W6',
  title: 'Ordered keys',
  async run(assignment) {
    const names = assignment.systems.map(({ name }) => name).filter((name) => forms.includes(name))
    return [await speeds(names, assignment), await besideFailure(names, assignment)]
  },
}

async function speeds(names: readonly string[], { isQuick, say }: Assignment): Promise<Table> {
  const messages = isQuick ? 20_000 : 200_000
  const spreads: readonly Spread[] = ['uniform', 'zipf']
  const outcomes = new Map<Spread, Outcomes<Ordered>>()
  for (const spread of spreads) {
    const subjects = {
      'no system at all': () => ordered({ spread, messages }),
      ...Object.fromEntries(names.map((name) => [name, () => ordered({ system: name, spread, messages })])),
    }
    outcomes.set(spread, await inRounds(roundsOf({ isQuick }), subjects, (line) => say(`${spread}: ${line}`)))
  }
  const idealOf = (spread: Spread): number => {
    const ideal = outcomes.get(spread)!.get('no system at all')!
    return 'failure' in ideal ? Number.NaN : figureBy(ideal.results, ({ perSecond }) => perSecond).median
  }
  return {
    title: 'A backlog of ordered keys',
    note: `${messages.toLocaleString('en')} messages of 100 B, 10,000 keys, a handler that takes 1 ms, ${atOnce} at once and ${window.toLocaleString('en')} in hand, acknowledged one by one; the order within each key is checked. No system at all is what this handler and this order allow: the messages are in the process already. With zipf the first key has a tenth of all messages, one after the other.`,
    columns: [{ title: 'handled', unit: 'msg/s' }],
    rows: spreads.flatMap((spread) =>
      [...outcomes.get(spread)!].map(([name, outcome]) =>
        rowOf(`${spread}, ${name}`, outcome, (results) => {
          const speed = figureBy(results, ({ perSecond }) => perSecond)
          const isIdeal = name === 'no system at all'
          const share = speed.median / idealOf(spread)
          return {
            values: [speed],
            cpuSecondsPerMillion: figureBy(results, (result) => result.cpuSecondsPerMillion),
            ...(!isIdeal && { share: { limit: 'the ideal', share } }),
            ...(!isIdeal && { bars: [{ promise: '≥ 90 % of the ideal', isMet: share >= 0.9 }] }),
          }
        }),
      ),
    ),
  }
}

async function besideFailure(names: readonly string[], { isQuick, say }: Assignment): Promise<Table> {
  const [perSecond, seconds] = [1_000, isQuick ? 5 : 30]
  const subjects = names.flatMap((system) => [false, true].map((isFailing) => ({ system, isFailing })))
  const nameOf = ({ system, isFailing }: (typeof subjects)[number]): string =>
    `${system}${isFailing ? ', one key failing' : ''}`
  const outcomes = await inRounds(
    roundsOf({ isQuick }, 3),
    Object.fromEntries(subjects.map((subject) => [nameOf(subject), () => failing({ ...subject, perSecond, seconds })])),
    say,
  )
  return {
    title: 'The others, while one key fails',
    note: `${perSecond.toLocaleString('en')} messages a second of 10,000 keys for ${seconds} s, from the moment at which each was to be sent to the end of its handler.`,
    columns: ['p50', 'p99', 'max'].map((title) => ({ title, unit: 'ms' })),
    rows: subjects.map((subject) =>
      rowOf(nameOf(subject), outcomes.get(nameOf(subject))!, (results) => {
        const p99 = figureBy(results, (result) => result.p99)
        const beside = outcomes.get(nameOf({ ...subject, isFailing: false }))!
        const bars =
          subject.isFailing && 'results' in beside
            ? [
                {
                  promise: 'p99 < 2 ×',
                  isMet: p99.median < 2 * figureBy(beside.results, (result) => result.p99).median,
                },
              ]
            : undefined
        return {
          values: [figureBy(results, ({ p50 }) => p50), p99, figureBy(results, ({ max }) => max)],
          ...(bars && { bars }),
        }
      }),
    ),
  }
}
