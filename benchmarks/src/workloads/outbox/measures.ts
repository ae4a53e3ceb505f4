import { latencies, type Percentiles } from '../../house/latency.ts'
import { ledger, mustBeComplete } from '../../house/ledger.ts'
import { openLoop, until } from '../../house/loops.ts'
import { cpuSecondsWhile } from '../../house/usage.ts'
import { bank, sent, ways, type Bank, type Way } from './bank.ts'

/** What calls of one kind took, under a load. */
export interface Taken extends Percentiles {
  readonly perSecond: number
}

/** As fast as it goes, or at a rate. */
export type Load =
  | { readonly lanes: number; readonly seconds: number }
  | { readonly perSecond: number; readonly seconds: number }

const operator = { namespace: 'default', principal: 'operator' }

/** What telling costs the transaction that tells. */
export async function transactions(on: Bank, way: Way, load: Load): Promise<Taken> {
  return (await inTurn(on, [way], load)).get(way)!
}

/** Ways that take turns, one transaction each, so that what disturbs one disturbs all of them alike. */
export async function inTurn(on: Bank, all: readonly Way[], load: Load): Promise<ReadonlyMap<Way, Taken>> {
  const times = all.map(() => latencies())
  const timed = async (number: number, from: number): Promise<void> => {
    const place = number % all.length
    await ways[all[place]!](on, number)
    times[place]!.record(performance.now() - from)
  }
  const start = performance.now()
  if ('lanes' in load) {
    let number = 0
    const lane = async (): Promise<void> => {
      while (performance.now() - start < load.seconds * 1_000) await timed(number++, performance.now())
    }
    await Promise.all(Array.from({ length: load.lanes }, lane))
  } else {
    await openLoop(load, timed)
  }
  const seconds = (performance.now() - start) / 1_000
  const takenBy = (place: number): Taken => {
    const percentiles = times[place]!.percentiles()
    return { ...percentiles, perSecond: percentiles.count / seconds }
  }
  return new Map(all.map((way, place) => [way, takenBy(place)]))
}

export interface Burst {
  readonly rowsPerSecond: number
  readonly cpuSecondsPerMillion: number
}

/** How fast the relay carries rows to the server, when so many wait. */
export async function burst(on: Bank, run: { rows: number; pids: readonly number[] }): Promise<Burst> {
  const { rows, pids } = run
  await until(() => sent(on))
  const before = await headOf(on)
  await on.pool.query(
    `select count(tidings.publish('bank.moved', jsonb_build_object('number', number, 'text', repeat('x', 950))))
     from generate_series(1, $1::integer) number`,
    [rows],
  )
  const start = performance.now()
  const { cpuSeconds } = await cpuSecondsWhile(pids, () => until(async () => (await headOf(on)) - before >= rows))
  const seconds = (performance.now() - start) / 1_000
  await until(() => sent(on))
  const came = (await headOf(on)) - before
  if (came !== rows) throw new Error(`${rows} rows were written and ${came} came`)
  return { rowsPerSecond: rows / seconds, cpuSecondsPerMillion: (cpuSeconds * 1e6) / rows }
}

export interface Visible extends Percentiles {
  readonly duplicated: number
  readonly cpuSecondsPerMillion: number
  /** Of the tables of the outbox, at the end. */
  readonly outboxBytes: number
}

/** From the commit of a transaction to the moment at which a subscriber has the event. */
export async function visible(
  on: Bank,
  run: { perSecond: number; seconds: number; pids: readonly number[] },
): Promise<Visible> {
  const messages = run.perSecond * run.seconds
  const account = ledger({ producers: 1, messages })
  const committed = new Float64Array(messages)
  const seen = new Float64Array(messages)
  const stream = await follow(on, (number) => {
    account.saw(0, number)
    seen[number] ||= performance.now()
  })
  const { cpuSeconds } = await cpuSecondsWhile(run.pids, async () => {
    await openLoop(run, async (number) => {
      await ways['tx.publish'](on, number)
      committed[number] = performance.now()
      account.acknowledged(0, number)
    })
    await until(() => account.account().seen === messages)
  })
  await stream.close()
  const times = latencies()
  // One may be seen before its writer has heard of the commit.
  for (let number = 0; number < messages; number++) times.record(Math.max(0, seen[number]! - committed[number]!))
  const { rows } = await on.pool.query<{ bytes: string }>(
    `select pg_total_relation_size('tidings.outbox_1') + pg_total_relation_size('tidings.outbox_2') as bytes`,
  )
  return {
    ...times.percentiles(),
    duplicated: mustBeComplete(account).duplicated,
    cpuSecondsPerMillion: (cpuSeconds * 1e6) / messages,
    outboxBytes: Number(rows[0]!.bytes),
  }
}

async function follow(on: Bank, saw: (number: number) => void): Promise<{ close(): Promise<void> }> {
  const subscription = `operator.visible-${process.pid}`
  await on.broker.putSubscription(operator, { subscription, topic: bank.moved.topic, from: 'end' })
  const stream = await on.broker.stream(operator, {
    subscription,
    holder: 'bench',
    onClosed: () => undefined,
    onDeliveries(deliveries) {
      for (const { event } of deliveries) {
        saw((JSON.parse(new TextDecoder().decode(event.data)) as { number: number }).number)
      }
      const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
      void on.broker.settle(operator, { subscription, outcomes }).then(() => stream.grant(outcomes.length))
    },
  })
  stream.grant(1_000)
  return {
    async close() {
      await stream.close()
      await on.broker.removeSubscription(operator, subscription)
    },
  }
}

async function headOf({ broker }: Bank): Promise<number> {
  const { head } = await broker.topic(operator, bank.moved.topic)
  return Number(head.split('.').at(-1))
}
