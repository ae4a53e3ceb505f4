import { Logger, makeWorkerUtils, run as runWorker } from 'graphile-worker'
import { Pool } from 'pg'
import PgBoss from 'pg-boss'
import { allowAll, createBroker, type Broker } from 'tidings/broker'
import { postgresEngine } from 'tidings/engines/postgres'
import { closedLoop } from '../publish.ts'
import { until } from './loops.ts'
import { perSecond } from './outbox.ts'

const text = 'x'.repeat(950)
const batch = 500

/** A queue on the same server: what it takes in, and what it hands out and is acknowledged. */
interface Peer {
  readonly name: string
  /** Publishes so many jobs, `window` at once. */
  publish(count: number, window: number): Promise<void>
  /** Resolves when so many are done. */
  consume(count: number): Promise<void>
  stop(): Promise<void>
}

/** The engine beside other queues on PostgreSQL, one after the other on one server, each job with 1 kB. */
export async function measureEngine({ url, jobs }: { readonly url: string; readonly jobs: number }): Promise<void> {
  console.log(`\nQueues on this server, ${jobs.toLocaleString('en')} jobs of 1 kB`)
  for (const open of [openTidings, openGraphileWorker, openPgBoss]) {
    const peer = await open(url)
    try {
      const single = Math.ceil(jobs / 20)
      // Warm-up.
      await peer.publish(single, 1)
      const parts = [
        ['publish, one at a time', single, () => peer.publish(single, 1)],
        ['publish, 1,024 in flight', jobs, () => peer.publish(jobs, 1_024)],
        ['consume and acknowledge', 2 * single + jobs, () => peer.consume(2 * single + jobs)],
      ] as const
      for (const [what, count, work] of parts) {
        const start = performance.now()
        await work()
        console.log(`  ${peer.name}: ${what} ${perSecond(count, (performance.now() - start) / 1_000)}`)
      }
    } finally {
      await peer.stop()
    }
  }
}

async function inFlight(messages: number, window: number, send: (number: number) => Promise<unknown>): Promise<void> {
  await closedLoop({ messages, window }, send)
}

async function openTidings(url: string): Promise<Peer> {
  const pool = new Pool({ connectionString: url })
  const caller = { namespace: 'default', principal: 'operator' }
  const subscription = 'operator.bench'
  const broker: Broker = createBroker({ engine: postgresEngine({ pool, schema: 'bench_engine' }), authorize: allowAll })
  await broker.start()
  await broker.putTopic(caller, { topic: 'bench.job', kind: 'event', owner: 'bench' })
  await broker.putSubscription(caller, { subscription, topic: 'bench.job', from: 'beginning' })
  const data = Buffer.from(JSON.stringify({ text }))
  let id = 0
  return {
    name: 'tidings, postgres engine',
    publish: (count, window) =>
      inFlight(count, window, async () => {
        const event = { id: `e${++id}`, source: 'bench', type: 'bench.job', datacontenttype: 'application/json', data }
        const [answer] = await broker.publish(caller, { topic: 'bench.job', events: [{ event }] })
        if (answer?.status !== 'stored') throw new Error(`It was answered ${JSON.stringify(answer)}.`)
      }),
    async consume(count) {
      let settled = 0
      const stream = await broker.stream(caller, {
        subscription,
        holder: 'bench',
        onClosed: () => undefined,
        onDeliveries(deliveries) {
          const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
          void broker.settle(caller, { subscription, outcomes }).then(() => {
            settled += outcomes.length
            stream.grant(outcomes.length)
          })
        },
      })
      stream.grant(1_000)
      await until(async () => settled === count)
      await stream.close()
      const { acknowledged } = await broker.stats(caller, subscription)
      if (acknowledged !== count) throw new Error(`${count} were sent, ${acknowledged} acknowledged.`)
    },
    async stop() {
      await broker.stop()
      await pool.end()
    },
  }
}

/** With jobs fetched and completed in batches, as its documentation has it for speed. */
async function openGraphileWorker(url: string): Promise<Peer> {
  // A line for each job would be a part of the figure.
  const logger = new Logger(() => () => undefined)
  const utils = await makeWorkerUtils({ connectionString: url, logger, maxPoolSize: 10 })
  await utils.migrate()
  return {
    name: 'graphile-worker',
    publish: (count, window) => inFlight(count, window, () => utils.addJob('bench', { text })),
    async consume(count) {
      let done = 0
      const runner = await runWorker({
        connectionString: url,
        logger,
        concurrency: 10,
        noHandleSignals: true,
        preset: { worker: { localQueue: { size: batch }, completeJobBatchDelay: 10, failJobBatchDelay: 10 } },
        taskList: { bench: () => void done++ },
      })
      await until(async () => done >= count)
      await runner.stop()
    },
    stop: async () => utils.release(),
  }
}

async function openPgBoss(url: string): Promise<Peer> {
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false })
  boss.on('error', (error) => console.log(`  pg-boss: ${error.message}`))
  await boss.start()
  await boss.createQueue('bench')
  return {
    name: 'pg-boss',
    publish: (count, window) => inFlight(count, window, () => boss.send('bench', { text })),
    async consume(count) {
      for (let done = 0; done < count;) {
        const jobs = await boss.fetch('bench', { batchSize: batch })
        if (jobs.length === 0) throw new Error(`${count} were sent, ${done} came.`)
        await boss.complete(
          'bench',
          jobs.map(({ id }) => id),
        )
        done += jobs.length
      }
    },
    stop: () => boss.stop({ graceful: false }),
  }
}
