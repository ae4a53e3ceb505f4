import { inFolder } from '../house/folder.ts'
import { inRounds, roundsOf, type Outcome } from '../house/rounds.ts'
import { shareOf, type Row, type Table } from '../house/table.ts'
import type { System } from '../systems/system.ts'
import { bareEngine } from '../systems/tidings-engine.ts'
import { publishing, type PublishingResult } from './publishing.ts'
import { columns, isOurs, limitOf, peersIn, ratios, speedOf, speedRow, timesTheBest } from './rows.ts'
import type { Assignment, Workload } from './workload.ts'

const headlineBytes = 1_000
const windows = [1, 64, 1_024] as const
const sizes = [100, 1_000, 10_000] as const
const batch = 100
const embeddedShare = 0.6

interface Cell {
  readonly system: System
  readonly bytes: number
  readonly window: number
  readonly batch?: number
}

export const w1: Workload = {
  id: 'W1',
  title: 'Durable publish',
  async run(assignment) {
    const { systems, isQuick } = assignment
    const otherSizes = isQuick ? [] : sizes.filter((bytes) => bytes !== headlineBytes)
    const embedded = systems.filter(({ name }) => name === 'tidings-embedded').flatMap((one) => [bareEngine, one])
    const cells: Cell[] = [
      ...systems.flatMap((system) => windows.map((window) => ({ system, bytes: headlineBytes, window }))),
      ...systems.flatMap((system) => otherSizes.map((bytes) => ({ system, bytes, window: 1_024 }))),
      ...systems.map((system) => ({ system, bytes: headlineBytes, window: 1_024, batch })),
      ...embedded.flatMap((system) => windows.map((window) => ({ system, bytes: 100, window }))),
    ]
    const measured = await measure(assignment, cells)
    return [
      ...(await Promise.all((['D', 'P'] as const).map((durability) => byWindow(assignment, durability, measured)))),
      ...(isQuick ? [] : [bySize(systems, measured)]),
      inBatches(systems, measured),
      await inProcess(assignment, embedded, measured),
    ].filter(({ rows }) => rows.length > 0)
  },
}

type Measured = (cell: Cell) => Outcome<PublishingResult> | undefined

const nameOf = ({ system, bytes, window, batch: each = 1 }: Cell): string =>
  `${system.name}, ${bytes} B, window ${window}${each > 1 ? `, ${each} in a call` : ''}`

async function measure({ isQuick, say }: Assignment, cells: readonly Cell[]): Promise<Measured> {
  const times = isQuick ? { warmUpSeconds: 2, seconds: 2 } : { warmUpSeconds: 3, seconds: 3 }
  const subjects = cells.map((cell) => {
    const { system, bytes, window, batch: each = 1 } = cell
    const run = { system: system.name, bytes, window, batch: each, ...times }
    return [nameOf(cell), () => inFolder((folder) => publishing({ ...run, folder }))] as const
  })
  const outcomes = await inRounds(roundsOf({ isQuick }), Object.fromEntries(subjects), say)
  return (cell) => outcomes.get(nameOf(cell))
}

async function byWindow(
  { systems, limits }: Assignment,
  durability: System['durability'],
  measured: Measured,
): Promise<Table> {
  const compared = systems.filter((system) => system.durability === durability)
  const headline = (system: System): ReturnType<typeof speedOf> =>
    speedOf(measured({ system, bytes: headlineBytes, window: 1_024 }))
  const peers = peersIn(compared, {})
  const rows: Row[] = []
  for (const system of compared) {
    const speed = headline(system)
    const outcomes = windows.map((window) => measured({ system, bytes: headlineBytes, window }))
    rows.push(
      speedRow(system.name, outcomes, 2, {
        ...(speed && { share: shareOf(await limitOf(system, limits, headlineBytes), speed.median) }),
        ...(isOurs(system) && {
          ratios: ratios(
            speed,
            peers.map((peer) => [peer.name, headline(peer)]),
          ),
        }),
        ...(system.name === 'tidings-server' && {
          bars: timesTheBest(2, `the best ${durability} peer`, speed, peers.map(headline)),
        }),
      }),
    )
  }
  return {
    title: `Durable publish, class ${durability}, 1 kB, a call for each message`,
    note: 'Messages in flight of one producer; ratios, shares and CPU at 1,024. Every message was counted afterwards.',
    columns: columns(
      windows.map((window) => `window ${window.toLocaleString('en')}`),
      'msg/s',
    ),
    rows,
    charts: [
      {
        title: `Durable publish, class ${durability}, 1 kB, window 1,024`,
        kind: 'bars',
        unit: 'msg/s',
        isLogarithmic: true,
        categories: compared.map(({ name }) => name),
        series: [{ name: 'window 1,024', values: compared.map((system) => headline(system)?.median ?? null) }],
      },
    ],
  }
}

function bySize(systems: readonly System[], measured: Measured): Table {
  return {
    title: 'Durable publish by size, window 1,024',
    note: systems.map(({ name, durability }) => `${name}: ${durability}`).join(', '),
    columns: columns(
      sizes.map((bytes) => `${bytes.toLocaleString('en')} B`),
      'msg/s',
    ),
    rows: systems.map((system) =>
      speedRow(
        system.name,
        sizes.map((bytes) => measured({ system, bytes, window: 1_024 })),
        1,
      ),
    ),
  }
}

function inBatches(systems: readonly System[], measured: Measured): Table {
  return {
    title: `Durable publish, 1 kB, ${batch} messages in a call, ten calls at once`,
    columns: columns(['batches'], 'msg/s'),
    rows: systems
      .map((system) => speedRow(system.name, [measured({ system, bytes: headlineBytes, window: 1_024, batch })], 0))
      .filter(({ values, notMeasured }) => values ?? notMeasured),
  }
}

async function inProcess({ limits }: Assignment, embedded: readonly System[], measured: Measured): Promise<Table> {
  const rows: Row[] = []
  for (const system of embedded) {
    const speed = speedOf(measured({ system, bytes: 100, window: 1_024 }))
    const limit = await limits.codec(100)
    const share = speed && shareOf(limit, speed.median)
    const bars = share && [
      { promise: `≥ ${embeddedShare * 100} % of ${limit.id}`, isMet: share.share >= embeddedShare },
    ]
    const outcomes = windows.map((window) => measured({ system, bytes: 100, window }))
    rows.push(speedRow(system.name, outcomes, 2, { ...(share && { share }), ...(bars && { bars }) }))
  }
  return {
    title: 'Durable publish in the process, 100 B',
    columns: columns(
      windows.map((window) => `window ${window.toLocaleString('en')}`),
      'msg/s',
    ),
    rows,
  }
}
