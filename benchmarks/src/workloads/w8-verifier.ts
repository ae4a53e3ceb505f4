import Libsql from 'libsql'
import { Client, Pool } from 'pg'
import { compare } from 'tidings/verify'
import { inDriver } from '../house/driver.ts'
import { inFolder } from '../house/folder.ts'
import { openLoop } from '../house/loops.ts'
import { figureBy, inRounds, roundsOf } from '../house/rounds.ts'
import { rowOf, shareOf, type Table } from '../house/table.ts'
import { cpuSecondsWhile } from '../house/usage.ts'
import { missingPostgres, startPostgres } from '../systems/postgres.ts'
import { fillCopies } from './verify/copies.ts'
import { harm, mend, type Harm } from './verify/harm.ts'
import { withSides, type Pair } from './verify/sides.ts'
import type { Assignment, Workload } from './workload.ts'

interface Made {
  readonly url: string
  readonly file: string
  readonly rows: number
  /** Of PostgreSQL. */
  readonly pid: number
}

interface Speed {
  readonly rowsPerSecond: number
  readonly cpuSecondsPerMillion: number
}

interface Found {
  readonly seconds: number
  /** Of the rows, how many were given out one by one. */
  readonly crossed: number
  readonly falseAlarms: number
  readonly misses: number
}

export const fill = inDriver(import.meta.url, 'fill', async (made: { url: string; folder: string; rows: number }) => {
  const copies = await fillCopies(made)
  await copies.stop()
  return { file: copies.file }
})

export const equal = inDriver(import.meta.url, 'equal', (made: Made & { readonly pair: Pair }): Promise<Speed> => {
  return withSides(made, (sides) =>
    speedOf(made, async () => {
      const outcome = await compare({ ...sides, onDifference: () => undefined })
      if (outcome.differences > 0 || outcome.source !== made.rows || outcome.copy !== made.rows) {
        throw new Error(`equal copies were said to be different: ${JSON.stringify(outcome)}`)
      }
    }),
  )
})

export const digests = inDriver(import.meta.url, 'digests', (made: Made): Promise<Speed> => {
  return withSides({ ...made, pair: 'PostgreSQL and PostgreSQL' }, ({ source }) =>
    speedOf(made, async () => {
      let after: string | undefined
      do {
        const [part] = await source.digests(after === undefined ? {} : { after }, { rows: 100_000, parts: 1 })
        after = part!.end
      } while (after !== undefined)
    }),
  )
})

export const scan = inDriver(import.meta.url, 'scan', (made: Made): Promise<Speed> => {
  return speedOf(made, async () => {
    const client = new Libsql(made.file)
    let seen = 0
    for (const row of client.prepare('select * from shop_item').iterate()) if (row) seen++
    client.close()
    if (seen !== made.rows) throw new Error(`The scan met ${seen} rows.`)
  })
})

export const search = inDriver(import.meta.url, 'search', (made: Made & { readonly what: Harm }): Promise<Found> => {
  return withSides({ ...made, pair: 'PostgreSQL and PostgreSQL' }, async (sides) => {
    const client = new Client({ connectionString: made.url })
    await client.connect()
    const harmed = await harm(client, made.what, made.rows)
    try {
      const found = new Map<string, string>()
      const start = performance.now()
      const outcome = await compare({
        ...sides,
        patienceMs: 1_000,
        onDifference: ({ key, kind }) => void found.set(key, kind),
      })
      return {
        seconds: (performance.now() - start) / 1_000,
        crossed: outcome.crossed,
        falseAlarms: [...found].filter(([key, kind]) => harmed.get(key) !== kind).length,
        misses: [...harmed].filter(([key, kind]) => found.get(key) !== kind).length,
      }
    } finally {
      await mend(client, harmed)
      await client.end()
    }
  })
})

/** The copy follows its source at 500 updates a second, each 20 ms later, while the two are compared again and again. */
export const follow = inDriver(
  import.meta.url,
  'follow',
  (made: Made & { readonly seconds: number }): Promise<Found> => {
    return withSides({ ...made, pair: 'PostgreSQL and PostgreSQL' }, async ({ pool, ...sides }) => {
      const copier = new Pool({ connectionString: made.url, max: 2, options: '-c tidings.replica_writable=on' })
      let isOver = false
      const load = openLoop({ perSecond: 500, seconds: made.seconds }, async (number) => {
        const values = [(number * 7_919) % made.rows || 1, `n${number}`]
        await pool.query({ name: 'source', text: 'update item set name = $2 where id = $1', values })
        await new Promise((resolve) => setTimeout(resolve, 20))
        await copier.query({ name: 'copy', text: 'update shop_item set name = $2 where id = $1::text', values })
      }).finally(() => (isOver = true))
      let [rounds, crossed, falseAlarms] = [0, 0, 0]
      const start = performance.now()
      for (; !isOver; rounds++) {
        const outcome = await compare({ ...sides, patienceMs: 1_000, onDifference: () => void falseAlarms++ })
        crossed += outcome.crossed
      }
      const seconds = (performance.now() - start) / 1_000
      await load
      await copier.end()
      return { seconds: seconds / rounds, crossed: crossed / rounds, falseAlarms, misses: 0 }
    })
  },
)

async function speedOf({ rows, pid }: Made, work: () => Promise<void>): Promise<Speed> {
  const start = performance.now()
  const { cpuSeconds } = await cpuSecondsWhile([pid], work)
  const seconds = (performance.now() - start) / 1_000
  return { rowsPerSecond: rows / seconds, cpuSecondsPerMillion: (cpuSeconds * 1e6) / rows }
}

export const w8: Workload = {
  id: 'W8',
  title: 'Proving that a copy equals its source',
  run(assignment) {
    return inFolder(async (folder) => {
      const missing = await missingPostgres()
      if (missing !== undefined) throw new Error(missing)
      const rows = assignment.isQuick ? 100_000 : 1_000_000
      const { url, pid, stop } = await startPostgres(folder)
      try {
        assignment.say(`filling a table and two copies of ${rows.toLocaleString('en')} rows`)
        const { file } = await fill({ url, folder, rows })
        const made = { url, pid, file, rows }
        return [await speeds(made, assignment), await differences(made, assignment)]
      } finally {
        await stop()
      }
    })
  },
}

async function speeds(made: Made, { isQuick, limits, say }: Assignment): Promise<Table> {
  const count = await limits.scannedRows('count')
  const hash = await limits.scannedRows('hash')
  const outcomes = await inRounds(
    roundsOf({ isQuick }),
    {
      'digests of the source alone': () => digests(made),
      'PostgreSQL and PostgreSQL, on one server': () => equal({ ...made, pair: 'PostgreSQL and PostgreSQL' }),
      'the same, the source over HTTP': () => equal({ ...made, pair: 'over HTTP and PostgreSQL' }),
      'plain scan of the copy in SQLite': () => scan(made),
      'PostgreSQL and SQLite': () => equal({ ...made, pair: 'PostgreSQL and SQLite' }),
    },
    say,
  )
  const rows = [...outcomes].map(([name, outcome]) =>
    rowOf(name, outcome, (results) => {
      const speed = figureBy(results, ({ rowsPerSecond }) => rowsPerSecond)
      const isCompared = name.includes(' and ') || name.startsWith('the same')
      const isMet = speed.median >= 1e6 || speed.median >= 0.35 * count.value.median
      return {
        values: [speed],
        cpuSecondsPerMillion: figureBy(results, (result) => result.cpuSecondsPerMillion),
        share: shareOf(count, speed.median),
        ...(isCompared && { bars: [{ promise: '≥ 1,000,000 rows/s or ≥ 35 % of count(*)', isMet }] }),
      }
    }),
  )
  const bars = rows.filter(({ values }) => values)
  return {
    title: 'Everything equal',
    note: `${made.rows.toLocaleString('en')} rows of 200 B, compared by digests. What bounds a comparison by digests is ${hash.id}, and it takes as long again for the copy.`,
    columns: [{ title: 'compared', unit: 'rows/s' }],
    rows,
    charts: [
      {
        title: 'Verifier, everything equal',
        kind: 'bars',
        unit: 'rows/s',
        categories: bars.map(({ name }) => name),
        series: [{ name: 'rows/s', values: bars.map(({ values }) => values![0]!.median) }],
      },
    ],
  }
}

async function differences(made: Made, { isQuick, say }: Assignment): Promise<Table> {
  const kinds: readonly Harm[] = ['10 differences', '1 % differ', '1,000 missing and 1,000 extra']
  const outcomes = await inRounds<Found>(
    roundsOf({ isQuick }, 3),
    {
      ...Object.fromEntries(kinds.map((what) => [what, () => search({ ...made, what })])),
      'equal, under 500 updates/s': () => follow({ ...made, seconds: isQuick ? 5 : 20 }),
    },
    say,
  )
  return {
    title: 'Something different',
    note: 'PostgreSQL and PostgreSQL, with a patience of 1 s, which is a part of the time.',
    columns: [
      { title: 'one comparison', unit: 's' },
      { title: 'rows that crossed', unit: '%' },
      { title: 'false alarms', unit: '' },
      { title: 'missed', unit: '' },
    ],
    rows: [...outcomes].map(([name, outcome]) =>
      rowOf(name, outcome, (results) => {
        const crossed = figureBy(results, (result) => (result.crossed * 100) / made.rows)
        const falseAlarms = figureBy(results, (result) => result.falseAlarms)
        const misses = figureBy(results, (result) => result.misses)
        const isRight = falseAlarms.highest === 0 && misses.highest === 0
        return {
          values: [figureBy(results, ({ seconds }) => seconds), crossed, falseAlarms, misses],
          bars: [
            { promise: 'no false alarm, no miss', isMet: isRight },
            ...(name === '10 differences' ? [{ promise: '< 5 % cross', isMet: crossed.median < 5 }] : []),
          ],
        }
      }),
    ),
  }
}
