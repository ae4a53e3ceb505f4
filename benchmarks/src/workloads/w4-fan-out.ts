import { inFolder } from '../house/folder.ts'
import { inRounds, roundsOf, type Figure, type Outcome } from '../house/rounds.ts'
import type { Bar, Row, Table } from '../house/table.ts'
import type { System } from '../systems/system.ts'
import { flow, type FlowResult } from './flow.ts'
import { columns, figureFrom, isOurs, peersIn, ratios, speedOf, speedRow, timesTheBest } from './rows.ts'
import type { Assignment, Workload } from './workload.ts'

const bytes = 1_000
const ways = { 'ten subscriptions': 10, 'nine subscriptions': 9, 'nine of ten, one stalled': 9 } as const
type Way = keyof typeof ways

export const w4: Workload = {
  id: 'W4',
  title: 'One message to ten subscriptions, each of which acknowledges it',
  async run(assignment) {
    const measured = await measure(assignment)
    const tables = (['D', 'P'] as const).map((durability) => tableOf(assignment.systems, durability, measured))
    return tables.filter(({ rows }) => rows.length > 0)
  },
}

type Measured = (system: System, way: Way) => Outcome<FlowResult> | undefined

async function measure({ isQuick, systems, say }: Assignment): Promise<Measured> {
  const nameOf = (system: System, way: string): string => `${system.name}, ${way}`
  const times = isQuick ? { warmUpSeconds: 3, seconds: 2 } : { warmUpSeconds: 3, seconds: 5 }
  const subjects = systems.flatMap((system) =>
    Object.entries(ways).map(([way, subscriptions]) => {
      const isOneStalled = way.endsWith('stalled')
      const run = { system: system.name, bytes, window: 1_000, batch: 1, subscriptions, isOneStalled, ...times }
      return [nameOf(system, way), () => inFolder((folder) => flow({ ...run, folder }))] as const
    }),
  )
  const outcomes = await inRounds(roundsOf({ isQuick }), Object.fromEntries(subjects), say)
  return (system, way) => outcomes.get(nameOf(system, way))
}

function tableOf(systems: readonly System[], durability: System['durability'], measured: Measured): Table {
  const compared = systems.filter((system) => system.durability === durability)
  const peers = peersIn(compared, {})
  const speed = (system: System): Figure | undefined => speedOf(measured(system, 'ten subscriptions'))
  const rows = compared.map((system): Row => {
    const outcomes = (Object.keys(ways) as Way[]).map((way) => measured(system, way))
    const row = speedRow(system.name, outcomes, 0, {
      ...(isOurs(system) && {
        ratios: ratios(
          speed(system),
          peers.map((peer) => [peer.name, speed(peer)]),
        ),
        bars: barsOf(system, measured, timesTheBest(2, 'the best peer', speed(system), peers.map(speed))),
      }),
    })
    if (row.values === undefined) return row
    const stored = figureFrom(measured(system, 'ten subscriptions'), ({ storedShare }) => storedShare)
    return { ...row, values: [...row.values, stored ?? null] }
  })
  return {
    title: `One to ten subscriptions, class ${durability}, 1 kB, every delivery acknowledged`,
    note: 'Deliveries of those that are not stalled. What is stored is what the folder has grown by, for each byte of a payload published once.',
    columns: [...columns(Object.keys(ways), 'deliveries/s'), { title: 'stored', unit: 'B/B' }],
    rows,
  }
}

function barsOf(system: System, measured: Measured, speed: readonly Bar[]): readonly Bar[] {
  const [nine, stalled] = (['nine subscriptions', 'nine of ten, one stalled'] as const).map((way) =>
    speedOf(measured(system, way)),
  )
  const stored = figureFrom(measured(system, 'ten subscriptions'), ({ storedShare }) => storedShare)
  return [
    ...speed,
    ...(system.name === 'tidings-embedded' && stored
      ? [{ promise: '≤ 1.2 payload bytes stored', isMet: stored.median <= 1.2 }]
      : []),
    ...(nine && stalled
      ? [{ promise: 'nine slow down < 5 % beside a stalled one', isMet: stalled.median > 0.95 * nine.median }]
      : []),
  ]
}
