import Database from 'libsql'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  capturedEntity,
  compare,
  openCopy,
  openOwner,
  openTable,
  ownerHandler,
  serveOwner,
  type Side,
} from 'tidings/verify'
import { measure, printTable, sharesOf, type Rate } from '../report.ts'
import { columns, fillCopies, shop, type Copies } from './copies.ts'

/**
 * The verifier beside `count(*)` and a plain scan: `npm run bench:verify -- <url of an empty database>`, with `--quick` on
 * fewer rows. Everything shares the machine.
 */
const [url] = process.argv.slice(2).filter((word) => !word.startsWith('--'))
if (url === undefined) throw new Error('Give the URL of an empty database of PostgreSQL.')
const quick = process.argv.includes('--quick')
const rows = quick ? 100_000 : 1_000_000
const runs = quick ? 2 : 3
const secret = 'a secret for a benchmark, of 32 characters'

const folder = mkdtempSync(join(tmpdir(), 'tidings-verify-'))
const copies = await fillCopies({ url, folder, rows })
try {
  const source = await openTable({ pool: copies.pool, table: 'item', key: 'id', columns })
  const entities = [capturedEntity({ pool: copies.pool, table: 'item', entity: shop.item, columns })]
  const server = await serveOwner({ handler: ownerHandler({ secret, entities }), port: 0 })
  const owner = await openOwner({ url: server.url, secret, topic: 'shop.item' })
  const postgres = await openCopy({ database: copies.postgres, table: 'shop_item' })
  const sqlite = await openCopy({ database: copies.sqlite, table: 'shop_item' })
  const results = await measure(runs, {
    'count(*) of the source': () => rateOf(() => copies.pool.query('select count(*) from item')),
    'count(*) of the copy in PostgreSQL': () => rateOf(() => copies.pool.query('select count(*) from shop_item')),
    'digests of the source alone': () => rateOf(() => digestsOf(source)),
    'equal, PostgreSQL and PostgreSQL': () => equal(source, postgres),
    'equal, the source over HTTP': () => equal(owner, postgres),
    'plain scan of the copy in SQLite': () => rateOf(async () => scan(copies)),
    'equal, PostgreSQL and SQLite': () => equal(source, sqlite),
  })
  console.log(`Verifier, ${rows} rows of 200 B, median of ${runs} · Node ${process.version}, ${cpus().length} cores\n`)
  printTable(sharesOf('count(*) of the source', results), 'count(*)')
  await tenDifferences(copies, source, postgres)
  console.log(`peak of memory ${Math.round(process.resourceUsage().maxRSS / 1_024)} MB`)
  await server.stop()
} finally {
  await copies.stop()
  rmSync(folder, { recursive: true })
}

async function rateOf(work: () => Promise<unknown>): Promise<Rate> {
  const start = performance.now()
  await work()
  return { perSecond: (rows * 1_000) / (performance.now() - start) }
}

async function digestsOf(side: Side): Promise<void> {
  let after: string | undefined
  do {
    const [part] = await side.digests(after === undefined ? {} : { after }, { rows: 100_000, parts: 1 })
    after = part!.end
  } while (after !== undefined)
}

async function equal(source: Side, copy: Side): Promise<Rate> {
  return rateOf(async () => {
    const outcome = await compare({ source, copy, onDifference: () => undefined })
    if (outcome.differences > 0 || outcome.source !== rows || outcome.copy !== rows) {
      throw new Error(`They are not equal: ${JSON.stringify(outcome)}`)
    }
  })
}

function scan({ file }: Copies): void {
  const client = new Database(file)
  let seen = 0
  for (const row of client.prepare('select * from shop_item').iterate()) if (row) seen++
  client.close()
  if (seen !== rows) throw new Error(`The scan met ${seen} rows.`)
}

async function tenDifferences({ pool }: Copies, source: Side, copy: Side): Promise<void> {
  const keys = Array.from({ length: 10 }, (_, place) => Math.floor(((place + 0.5) * rows) / 10))
  await pool.query(`begin; select set_config('tidings.replica_writable', 'on', true);
    update shop_item set name = 'Eve' where id in (${keys.map((key) => `'${key}'`).join(', ')}); commit`)
  const start = performance.now()
  const outcome = await compare({ source, copy, patienceMs: 1_000, onDifference: () => undefined })
  const seconds = ((performance.now() - start) / 1_000).toFixed(1)
  const share = ((outcome.crossed / rows) * 100).toFixed(2)
  console.log(
    `\n10 differences: ${outcome.differences} found in ${seconds} s with 1 s of patience, ${share} % of the rows given out`,
  )
}
