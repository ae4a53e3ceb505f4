import type { Pool, PoolClient } from 'pg'
import { expect, test } from 'vitest'
import { TidingsError } from '../errors.ts'
import { mulberry32 } from '../testing/index.ts'
import { allEvents, captureBench, delivered, latestOf, textOf, type Bench } from './capture.fixture.ts'
import type { Capture } from './index.ts'

const ids = 120
const writers = 4
const transactionsOfEach = 350

const tables = `
  create sequence turn;
  create table customer (id integer primary key, turn bigint not null, name text, long text);
  alter table customer alter long set storage external`

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Owners that change, rename, remove and now and then change their minds. */
class Writers {
  readonly #owner: Pool
  readonly #random: () => number
  readonly #truncates: boolean

  constructor(owner: Pool, random: () => number, truncates: boolean) {
    this.#owner = owner
    this.#random = random
    this.#truncates = truncates
  }

  async fill(): Promise<void> {
    await this.#owner.query(
      `insert into customer select id, nextval('turn'), 'n', repeat('x', 3000) from generate_series(1, ${ids / 2}) id`,
    )
  }

  async write(): Promise<void> {
    const work = Array.from({ length: writers }, async () => {
      for (let turn = 0; turn < transactionsOfEach; turn++) {
        await this.#transaction()
        await pause(this.#random() * 20)
      }
    })
    await Promise.all(work)
  }

  async #transaction(): Promise<void> {
    const client = await this.#owner.connect()
    try {
      await client.query('begin')
      const changes = 1 + Math.floor(this.#random() * 5)
      for (let change = 0; change < changes; change++) await this.#change(client)
      if (this.#random() < 0.1) await pause(20)
      await client.query(this.#random() < 0.2 ? 'rollback' : 'commit')
    } catch (error) {
      // Two writers may lock each other out, or both want one key.
      if (!/deadlock|duplicate/.test((error as Error).message)) throw error
      await client.query('rollback')
    } finally {
      client.release()
    }
  }

  async #change(client: PoolClient): Promise<void> {
    const id = (): number => 1 + Math.floor(this.#random() * ids)
    const kind = this.#random()
    if (kind < 0.3) {
      const long = 'y'.repeat(Math.floor(this.#random() * 4_000))
      await client.query("insert into customer values ($1, nextval('turn'), 'new', $2) on conflict do nothing", [
        id(),
        long,
      ])
    } else if (kind < 0.7) {
      await client.query("update customer set name = $2, turn = nextval('turn') where id = $1", [id(), `n${kind}`])
    } else if (kind < 0.8) {
      await client.query("update customer set long = $2, turn = nextval('turn') where id = $1", [
        id(),
        'z'.repeat(2_500),
      ])
    } else if (kind < 0.9) {
      await client.query("update customer set id = $2, turn = nextval('turn') where id = $1", [id(), id()])
    } else if (this.#truncates && kind > 0.998) {
      await client.query('truncate customer')
    } else {
      await client.query('delete from customer where id = $1', [id()])
    }
  }
}

/** Calls that are lost before or after the broker has stored their events. */
function damageCalls({ faults, broker }: Bench, random: () => number): void {
  const lost = new TidingsError('unavailable', 'the connection was lost')
  faults.publish = async (who, request) => {
    const chance = random()
    if (chance < 0.04) throw lost
    const answers = await broker.publish(who, request)
    if (chance > 0.96) throw lost
    return answers
  }
}

/** Captures come and go: stopped, their connections ended, their slots dropped, asked to list everything. */
async function captureMeanwhile(bench: Bench, random: () => number, isOver: () => boolean): Promise<Capture> {
  const { owner, capture } = bench
  const slot = `pg_replication_slots where slot_name = '${bench.slot}'`
  for (;;) {
    const running = capture({ chunkRows: 7 })
    await running.start()
    if (isOver()) return running
    for (let blow = 0; blow < 4; blow++) {
      await pause(random() * 800)
      const chance = random()
      if (chance < 0.6) await owner.query(`select pg_terminate_backend(active_pid) from ${slot}`)
      else if (chance < 0.7) await running.relist()
    }
    await running.stop()
    // Fails while the server has not noticed the end of the connection.
    if (random() < 0.2)
      await owner.query(`select pg_drop_replication_slot(slot_name) from ${slot}`).catch(() => undefined)
  }
}

async function play(bench: Bench, seed: number, truncates: boolean): Promise<void> {
  const random = mulberry32(seed)
  const { owner, broker } = bench
  const work = new Writers(owner, random, truncates)
  await work.fill()
  damageCalls(bench, random)
  let over = false
  const capturing = captureMeanwhile(bench, random, () => over)
  await work.write()
  over = true
  const last = await capturing
  delete bench.faults.publish
  const { rows } = await owner.query<{ id: number }>('select id, turn::integer, name, long from customer')
  const table = Object.fromEntries(rows.map((row) => [String(row.id), row]))
  await expect.poll(() => latestOf(broker), { timeout: 60_000, interval: 50 }).toEqual(table)
  await expect.poll(async () => (await last.stats()).listing, { timeout: 60_000 }).toBe(false)
  expect(await latestOf(broker)).toEqual(table)
  const wrong = bench.alarms.filter(({ alarm, message }) => alarm === 'refused' || /restored/.test(message))
  expect(wrong, 'nothing was refused, and no database was restored').toEqual([])
}

test.for([1, 2, 3])(
  'captures that die, slots that are lost and a broker that fails while rows change: at the end the broker has the table (seed %i)',
  { timeout: 180_000 },
  async (seed, context) => {
    await play(await captureBench(context, { tables }), seed, true)
  },
)

test.for([4, 5])(
  'and where the log has complete rows, no state of a row comes before an earlier one (seed %i)',
  { timeout: 180_000 },
  async (seed, context) => {
    const bench = await captureBench(context, { tables: `${tables}; alter table customer replica identity full` })
    await play(bench, seed, false)
    const turns = new Map<string, number>()
    for (const { event } of delivered(await allEvents(bench.broker))) {
      if (event.type.endsWith('.deleted')) continue
      const { turn } = JSON.parse(textOf(event.data)) as { turn: number }
      expect(turn, `${event.key} in ${event.sequence}`).toBeGreaterThanOrEqual(turns.get(event.key!) ?? 0)
      turns.set(event.key!, turn)
    }
  },
)
