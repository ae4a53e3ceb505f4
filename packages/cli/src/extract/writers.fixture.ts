import type { Pool, PoolClient } from 'pg'

export interface Side {
  readonly name: 'old' | 'new'
  readonly pool: Pool
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What was acknowledged, and so has to be there at the end. */
export interface Acknowledged {
  /** The invoices, by their markers, with how many lines they have. */
  readonly invoices: ReadonlyMap<string, number>
  /** How often each worker has added one to the total of its own invoice. */
  readonly totals: ReadonlyMap<string, number>
  readonly commits: { readonly old: number; readonly new: number }
  readonly refused: number
}

/**
 * Programs that sell: each transaction makes an invoice with lines, counts in another one, and now and then takes an old
 * one back. Refused on one side they try the other, as a program does that is told where its tables are.
 */
export class Writers {
  readonly #sides: readonly Side[]
  readonly #random: () => number
  readonly #invoices = new Map<string, number>()
  readonly #totals = new Map<string, number>()
  readonly #commits = { old: 0, new: 0 }
  #refused = 0
  #isOver = false
  #working: Promise<unknown> = Promise.resolve()

  constructor(sides: readonly Side[], random: () => number) {
    this.#sides = sides
    this.#random = random
  }

  start(count: number): void {
    this.#working = Promise.all(Array.from({ length: count }, (_, worker) => this.#work(`worker ${worker}`)))
    this.#working.catch(() => undefined)
  }

  /** Ends them, and answers what they were told is done. */
  async stop(): Promise<Acknowledged> {
    this.#isOver = true
    await this.#working
    return this.acknowledged()
  }

  acknowledged(): Acknowledged {
    return {
      invoices: this.#invoices,
      totals: this.#totals,
      commits: { ...this.#commits },
      refused: this.#refused,
    }
  }

  async #work(worker: string): Promise<void> {
    const own: string[] = []
    for (let side = 0, turn = 0; !this.#isOver; turn++) {
      const { pool, name } = this.#sides[side]!
      const client = await pool.connect()
      try {
        await client.query('begin')
        await this.#transaction(client, { worker, own, turn })
        this.#commits[name] += 1
      } catch (error) {
        await client.query('rollback')
        if ((error as { code?: string }).code !== '25006') throw error
        this.#refused += 1
        side = (side + 1) % this.#sides.length
        await pause(20)
      } finally {
        client.release()
      }
      await pause(this.#random() * 40)
    }
  }

  async #transaction(
    client: PoolClient,
    { worker, own, turn }: { readonly worker: string; readonly own: string[]; readonly turn: number },
  ): Promise<void> {
    const marker = `${worker}, ${turn}`
    const id = await insertInvoice(client, marker)
    const lines = 1 + Math.floor(this.#random() * 3)
    for (let line = 0; line < lines; line++) {
      await client.query(
        'insert into invoice_line (invoice_id, track_id, unit_price, quantity) values ($1, $2, 0.99, 1)',
        [id, 1 + Math.floor(this.#random() * 3_000)],
      )
    }
    const before = this.#totals.get(worker)
    if (before === undefined) await insertInvoice(client, `${worker} counts`)
    await client.query('update invoice set total = total + 1 where billing_address = $1', [`${worker} counts`])
    const removed = own.length > 5 && this.#random() < 0.5 ? own[0] : undefined
    if (removed !== undefined) {
      await client.query(
        'delete from invoice_line where invoice_id = (select invoice_id from invoice where billing_address = $1)',
        [removed],
      )
      await client.query('delete from invoice where billing_address = $1', [removed])
    }
    if (this.#random() < 0.1) return void (await client.query('rollback'))
    await client.query('commit')
    this.#invoices.set(marker, lines)
    own.push(marker)
    this.#totals.set(worker, (before ?? 0) + 1)
    if (removed !== undefined) this.#invoices.delete(own.shift()!)
  }
}

async function insertInvoice(client: PoolClient, marker: string): Promise<number> {
  const { rows } = await client.query<{ invoice_id: number }>(
    `insert into invoice (customer_id, invoice_date, billing_address, total)
       values (1 + abs(hashtext($1)) % 59, '2026-01-01', $1, 0) returning invoice_id`,
    [marker],
  )
  return rows[0]!.invoice_id
}

/** The same, as a database has it. */
export async function found(pool: Pool): Promise<Pick<Acknowledged, 'invoices' | 'totals'>> {
  const invoices = await pool.query<{ marker: string; lines: number }>(
    `select i.billing_address as marker, count(l.invoice_line_id)::integer as lines
       from invoice i left join invoice_line l using (invoice_id)
      where i.billing_address like 'worker %, %' group by i.invoice_id`,
  )
  const totals = await pool.query<{ worker: string; total: number }>(
    `select replace(billing_address, ' counts', '') as worker, total::integer
       from invoice where billing_address like 'worker % counts'`,
  )
  return {
    invoices: new Map(invoices.rows.map(({ marker, lines }) => [marker, lines])),
    totals: new Map(totals.rows.map(({ worker, total }) => [worker, total])),
  }
}
