import { bank, sent, ways, type Bank, type Way } from './bank.ts'
import { inLanes, openLoop, percentile, until, type Measured } from './loops.ts'

const names = Object.keys(ways) as Way[]

export interface TransactionsRun {
  readonly title: string
  readonly rounds: number
  /** Around each measurement; what was written is sent after it. */
  readonly before?: () => void
  readonly after?: () => void
}

/** What telling costs the transaction that tells: the ways in turn. */
export async function measureTransactions(on: Bank, options: TransactionsRun): Promise<void> {
  const { rounds, before, after } = options
  const loads: Record<string, (work: (number: number) => Promise<void>) => Promise<Measured>> = {
    'one after the other': (work) => inLanes({ lanes: 1, seconds: 2 }, work),
    'at 100/s': (work) => openLoop({ perSecond: 100, seconds: 2 }, work),
    'at 500/s': (work) => openLoop({ perSecond: 500, seconds: 2 }, work),
    'in 16 lanes': (work) => inLanes({ lanes: 16, seconds: 2 }, work),
  }
  for (const [load, run] of Object.entries(loads)) {
    const all = new Map<Way, { latencies: number[]; seconds: number }>()
    for (let round = 0; round <= rounds; round++) {
      for (const name of names) {
        before?.()
        const { latencies, seconds } = await run((number) => ways[name](on, number))
        after?.()
        await until(() => sent(on))
        // The first round warms up.
        if (round === 0) continue
        const earlier = all.get(name) ?? { latencies: [], seconds: 0 }
        all.set(name, { latencies: [...earlier.latencies, ...latencies], seconds: earlier.seconds + seconds })
      }
    }
    const bare = percentile(all.get('pg, bare insert')!.latencies, 0.5)
    console.log(`\nOne transaction, ${load}, ${options.title}`)
    for (const [name, { latencies, seconds }] of all) {
      const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)]
      const rate = Math.round(latencies.length / seconds).toLocaleString('en')
      console.log(
        `  ${name.padEnd(34)} ${rate.padStart(6)}/s  p50 ${p50.toFixed(2)} ms  p99 ${p99.toFixed(2)} ms  ${(p50 / bare).toFixed(2)} × bare`,
      )
    }
  }
}

/** How many rows a second the relay carries to a server in another process, when so many wait. */
export async function measureRelay(on: Bank, { rows }: { readonly rows: number }): Promise<void> {
  await until(() => sent(on))
  const before = await headOf(on)
  await on.pool.query(
    `select count(tidings.publish('bank.moved', jsonb_build_object('number', number, 'text', repeat('x', 950))))
     from generate_series(1, $1::integer) number`,
    [rows],
  )
  const start = performance.now()
  await until(async () => (await headOf(on)) - before >= rows)
  const seconds = (performance.now() - start) / 1_000
  await until(() => sent(on))
  const came = (await headOf(on)) - before
  if (came !== rows) throw new Error(`${rows} rows were written and ${came} came.`)
  console.log(`\nRelay, a burst of ${rows.toLocaleString('en')} rows of 1 kB: ${perSecond(rows, seconds)}`)
}

/** From the commit of a transaction to the moment at which a subscriber has the event. */
export async function measureVisible(
  on: Bank,
  run: { readonly perSecond: number; readonly seconds: number },
): Promise<void> {
  const caller = { namespace: 'default', principal: 'operator' }
  const subscription = `operator.visible-${run.perSecond}`
  await on.broker.putSubscription(caller, { subscription, topic: 'bank.moved', from: 'end' })
  const committed = new Map<number, number>()
  const seen = new Map<number, number>()
  const stream = await on.broker.stream(caller, {
    subscription,
    holder: 'bench',
    onClosed: () => undefined,
    onDeliveries(deliveries) {
      const now = performance.now()
      for (const { event } of deliveries) {
        const { number } = JSON.parse(new TextDecoder().decode(event.data)) as { number: number }
        seen.set(number, now)
      }
      const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
      void on.broker.settle(caller, { subscription, outcomes }).then(() => stream.grant(outcomes.length))
    },
  })
  stream.grant(1_000)
  await openLoop(run, async (number) => {
    await ways['tx.publish'](on, number)
    committed.set(number, performance.now())
  })
  await until(async () => seen.size === committed.size)
  await stream.close()
  await on.broker.removeSubscription(caller, subscription)
  // One may be seen before its writer has heard of the commit.
  const latencies = [...committed].map(([number, at]) => Math.max(0, seen.get(number)! - at))
  console.log(
    `\nCommit to visible at ${run.perSecond}/s: p50 ${percentile(latencies, 0.5).toFixed(2)} ms, p99 ${percentile(latencies, 0.99).toFixed(2)} ms`,
  )
}

/** How large the tables of the outbox are in the course of time, at a constant rate. */
export async function measureSpace(
  on: Bank,
  run: { readonly perSecond: number; readonly minutes: number },
): Promise<void> {
  console.log(`\nTables of the outbox at ${run.perSecond} transactions/s`)
  let written = 0
  let first = 0
  for (let minute = 1; minute <= run.minutes; minute++) {
    const { latencies } = await openLoop({ perSecond: run.perSecond, seconds: 60 }, (number) =>
      ways['tx.publish'](on, written + number),
    )
    written += latencies.length
    const { rows } = await on.pool.query<{ bytes: string }>(
      `select pg_total_relation_size('tidings.outbox_1') + pg_total_relation_size('tidings.outbox_2') as bytes`,
    )
    const megabytes = Number(rows[0]!.bytes) / 1e6
    if (minute === 1) first = megabytes
    const { outbox } = await on.service.stats()
    console.log(
      `  minute ${String(minute).padStart(2)}: ${megabytes.toFixed(1)} MB, ${(megabytes / first).toFixed(2)} × the first, ${outbox.pending} unsent, p50 ${percentile(latencies, 0.5).toFixed(2)} ms`,
    )
  }
}

/** What an idle service asks its database. */
export async function measureIdle(on: Bank, { seconds }: { readonly seconds: number }): Promise<void> {
  await until(() => sent(on))
  // It takes a while until it looks less often.
  await new Promise((resolve) => setTimeout(resolve, 15_000))
  const statements = async (): Promise<number> => {
    const { rows } = await on.pool.query<{ calls: string }>('select sum(calls) as calls from pg_stat_statements')
    return Number(rows[0]!.calls)
  }
  const before = await statements()
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
  // One of them was ours.
  const calls = (await statements()) - before - 1
  console.log(`\nIdle: ${(calls / seconds).toFixed(2)} statements/s`)
}

async function headOf({ broker }: Bank): Promise<number> {
  const { head } = await broker.topic({ namespace: 'default', principal: 'operator' }, bank.moved.topic)
  return Number(head.split('.').at(-1))
}

export function perSecond(count: number, seconds: number): string {
  return `${Math.round(count / seconds).toLocaleString('en')}/s`
}
