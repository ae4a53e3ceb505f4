import { cpus } from 'node:os'
import { Pool } from 'pg'
import { startPeer, type Peer } from '../loopback.ts'
import { inFolder } from '../publish.ts'
import { openBank, type Bank } from './bank.ts'
import { measureCapture } from './capture.ts'
import { measureEngine } from './engine.ts'
import { measureIdle, measureRelay, measureSpace, measureTransactions, measureVisible } from './outbox.ts'

/**
 * What PostgreSQL has to do with: `npm run bench:postgres -- <url of an empty database> [parts] [--quick]`. The database
 * is used up. The server that events go to is a process of its own, its store in a temporary folder.
 */
const [url, ...words] = process.argv.slice(2)
const quick = words.includes('--quick')
const wanted = words.filter((word) => !word.startsWith('--'))
if (url === undefined) throw new Error('Give the URL of an empty database: npm run bench:postgres -- postgres://…')

interface Place {
  readonly url: string
  /** Of the server that events go to. */
  readonly server: string
  readonly peer: Peer
  readonly folder: string
}

const parts: Record<string, (place: Place) => Promise<void>> = {
  transactions: inBank(async (bank, { peer }) => {
    const rounds = quick ? 2 : 5
    await measureTransactions(bank, { title: 'the relay running', rounds })
    const away = { before: () => peer.pause(), after: () => peer.goOn() }
    await measureTransactions(bank, { title: 'the server standing still', rounds, ...away })
  }),
  relay: inBank(async (bank) => {
    for (let run = 0; run < 3; run++) await measureRelay(bank, { rows: quick ? 30_000 : 100_000 })
  }),
  visible: inBank(async (bank) => {
    await measureVisible(bank, { perSecond: 100, seconds: quick ? 10 : 30 })
    await measureVisible(bank, { perSecond: 500, seconds: quick ? 10 : 30 })
  }),
  idle: inBank((bank) => measureIdle(bank, { seconds: quick ? 20 : 60 })),
  capture: (place) =>
    measureCapture({
      ...place,
      pgbench: process.env['PGBENCH'] ?? 'pgbench',
      scale: quick ? 1 : 5,
      seconds: quick ? 10 : 60,
    }),
  engine: ({ url }) => measureEngine({ url, jobs: quick ? 10_000 : 50_000 }),
  space: inBank((bank) => measureSpace(bank, { perSecond: 2_000, minutes: quick ? 2 : 30 })),
}

function inBank(measure: (bank: Bank, place: Place) => Promise<void>): (place: Place) => Promise<void> {
  return async (place) => {
    const bank = await openBank(place)
    try {
      await measure(bank, place)
    } finally {
      await bank.stop()
    }
  }
}

const pool = new Pool({ connectionString: url, max: 1 })
const { rows } = await pool.query<{ name: string; setting: string }>(
  `select name, setting from pg_settings where name in ('server_version', 'fsync', 'synchronous_commit', 'wal_level')`,
)
await pool.end()
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}; ${rows.map(({ name, setting }) => `${name} ${setting}`).join(', ')}`,
)
for (const [name, run] of Object.entries(parts)) {
  if (wanted.length > 0 ? !wanted.includes(name) : name === 'space') continue
  await inFolder(async (folder) => {
    const peer = await startPeer('store', folder)
    try {
      await run({ url, server: peer.url, peer, folder })
    } finally {
      peer.stop()
    }
  })
}
