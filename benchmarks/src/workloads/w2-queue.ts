import { inFolder } from '../house/folder.ts'
import { inRounds, roundsOf, type Figure, type Outcome } from '../house/rounds.ts'
import { shareOf, type Bar, type Row, type Table } from '../house/table.ts'
import type { System } from '../systems/system.ts'
import { flow, type FlowResult } from './flow.ts'
import { columns, isOurs, limitOf, peersIn, ratios, speedOf, speedRow, timesTheBest } from './rows.ts'
import type { Assignment, Workload } from './workload.ts'

const bytes = 1_000
const window = 1_000
const batches = [1, 100] as const

export const w2: Workload = {
  id: 'W2',
  title: 'Publish, consume and acknowledge each message, at the same time',
  async run(assignment) {
    const { systems } = assignment
    const measured = await measure(assignment)
    const jetStream = systems.filter(({ name }) => name === 'nats')
    const classP = systems.filter(({ name, durability }) => durability === 'P' || name === 'tidings-server')
    const tables = [
      await tableOf(assignment, measured, {
        title: 'Publish, consume and acknowledge, class D, 1 kB',
        compared: systems.filter(({ durability }) => durability === 'D'),
      }),
      await tableOf(assignment, measured, {
        title: 'Publish, consume and acknowledge, class P, 1 kB, beside tidings-server, which is of class D',
        compared: jetStream.length + classP.length > 1 ? classP : [],
      }),
    ]
    return tables.filter(({ rows }) => rows.length > 0)
  },
}

type Measured = (system: System, batch: number) => Outcome<FlowResult> | undefined

const nameOf = (system: System, batch: number): string =>
  batch === 1 ? system.name : `${system.name}, ${batch} in a call`

async function measure({ isQuick, systems, say }: Assignment): Promise<Measured> {
  const times = isQuick ? { warmUpSeconds: 3, seconds: 2 } : { warmUpSeconds: 3, seconds: 5 }
  const subjects = systems.flatMap((system) =>
    batches.map((batch) => {
      const run = { system: system.name, bytes, window, batch, subscriptions: 1, ...times }
      return [nameOf(system, batch), () => inFolder((folder) => flow({ ...run, folder }))] as const
    }),
  )
  const outcomes = await inRounds(roundsOf({ isQuick }), Object.fromEntries(subjects), say)
  return (system, batch) => outcomes.get(nameOf(system, batch))
}

async function tableOf(
  { limits }: Assignment,
  measured: Measured,
  { title, compared }: { readonly title: string; readonly compared: readonly System[] },
): Promise<Table> {
  const rows: Row[] = []
  for (const system of compared) {
    const outcomes = batches.map((batch) => measured(system, batch))
    const speed = speedOf(outcomes[0])
    const peers = peersIn(compared, {})
    rows.push(
      speedRow(system.name, outcomes, 0, {
        ...(speed && { share: shareOf(await limitOf(system, limits, bytes), speed.median) }),
        ...(isOurs(system) && {
          ratios: ratios(
            speed,
            peers.map((peer) => [peer.name, speedOf(measured(peer, 1))]),
          ),
          bars: barsOf(system, speed, peers, measured),
        }),
      }),
    )
  }
  return {
    title,
    note: `${window.toLocaleString('en')} messages in flight and as many in hand; the producer is at most 2,000 ahead of the consumer. Ratios, shares and CPU with a call for each message.`,
    columns: columns(['a call for each', '100 in a call'], 'msg/s'),
    rows,
    charts: [
      {
        title,
        kind: 'bars',
        unit: 'msg/s',
        isLogarithmic: true,
        categories: compared.map(({ name }) => name),
        series: batches.map((batch, index) => ({
          name: ['a call for each', '100 in a call'][index]!,
          values: compared.map((system) => speedOf(measured(system, batch))?.median ?? null),
        })),
      },
    ],
  }
}

/** Library peers count with the faster of their two ways: graphile-worker is meant to be used in batches. */
function barsOf(
  system: System,
  speed: Figure | undefined,
  peers: readonly System[],
  measured: Measured,
): readonly Bar[] {
  const single = (peer: System): Figure | undefined => speedOf(measured(peer, 1))
  if (system.name === 'tidings-server') {
    return [
      ...timesTheBest(2, 'the best D peer', speed, peersIn(peers, { durability: 'D' }).map(single)),
      ...timesTheBest(1, 'JetStream (P)', speed, peers.filter(({ name }) => name === 'nats').map(single)),
    ]
  }
  if (system.name !== 'tidings-embedded') return []
  const libraries = peersIn(peers, { form: 'library' })
  const all = libraries.flatMap((peer) => batches.map((batch) => speedOf(measured(peer, batch))))
  return timesTheBest(3, 'the best library peer, in batches or not', speed, all)
}
