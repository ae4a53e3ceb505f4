import { inFolder } from '../house/folder.ts'
import type { Figure } from '../house/rounds.ts'
import type { Bar, Row, Table } from '../house/table.ts'
import type { System } from '../systems/system.ts'
import type { Workload } from '../workloads/workload.ts'
import { killAgainAndAgain, type KillReport } from './kills.ts'
import { countSyncs, missingStrace } from './syncs.ts'

const publishes = 1_000

/** Whether each system keeps what its class of durability says: a comparison of others is worth nothing. */
export const audit: Workload = {
  id: 'AUDIT',
  title: 'Is acknowledged what the class of durability says?',
  async run({ isQuick, systems, say }) {
    const kills = isQuick ? 3 : 20
    const rows: Row[] = []
    for (const system of systems) {
      say(`${system.name}, ${publishes.toLocaleString('en')} publishes are traced and ${kills} kills survived`)
      rows.push(await rowOf(system, kills))
    }
    const withoutTrace = missingStrace()
    return [
      {
        title: 'The audit',
        note:
          `Calls of fsync and fdatasync during ${publishes.toLocaleString('en')} publishes, one after the other; ` +
          `SIGKILL to all processes while 64 messages are in flight.${withoutTrace ? ` Calls were not counted: ${withoutTrace}.` : ''}`,
        columns: [
          { title: 'synced', unit: 'calls' },
          { title: 'killed', unit: 'times' },
          { title: 'acknowledged', unit: 'messages' },
          { title: 'missing', unit: 'messages' },
        ],
        rows,
      },
    ]
  },
}

/** The names of the systems that did not keep their class. */
export function failedIn(tables: readonly Table[]): ReadonlySet<string> {
  const failed = tables.flatMap(({ rows }) =>
    rows.filter(({ bars, notMeasured }) => notMeasured ?? bars?.some(({ isMet }) => !isMet)),
  )
  return new Set(failed.map(({ name }) => name))
}

/** Says in each row of such a system that nothing may be concluded from it. */
export function markFailed(tables: readonly Table[], failed: ReadonlySet<string>): readonly Table[] {
  const isFailed = ({ name }: Row): boolean => failed.has(name.split(/[ ,]/)[0]!)
  const remark = (row: Row): Row => ({ ...row, remark: ['failed its audit', row.remark ?? []].flat().join('; ') })
  return tables.map((table) => ({ ...table, rows: table.rows.map((row) => (isFailed(row) ? remark(row) : row)) }))
}

async function rowOf(system: System, kills: number): Promise<Row> {
  try {
    const isTraced = missingStrace() === undefined
    const syncs = isTraced ? await inFolder((folder) => countSyncs(system.name, folder, publishes)) : undefined
    const report = await inFolder((folder) => killAgainAndAgain(system.name, folder, kills))
    const values = [syncs, report.kills, report.acknowledged, report.missing]
    return { name: system.name, values: values.map(figure), bars: barsOf(system, syncs, report) }
  } catch (error) {
    return { name: system.name, notMeasured: error instanceof Error ? error.message : String(error) }
  }
}

function barsOf({ durability }: System, syncs: number | undefined, { missing }: KillReport): readonly Bar[] {
  const synced = { promise: `D: ≥ ${publishes.toLocaleString('en')} calls`, isMet: (syncs ?? 0) >= publishes }
  return [
    ...(durability === 'D' && syncs !== undefined ? [synced] : []),
    { promise: 'nothing acknowledged is missing', isMet: missing === 0 },
  ]
}

const figure = (value: number | undefined): Figure | null =>
  value === undefined ? null : { median: value, lowest: value, highest: value }
