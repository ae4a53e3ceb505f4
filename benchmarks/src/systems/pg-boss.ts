import PgBoss from 'pg-boss'
import { missingPostgres, startPostgres } from './postgres.ts'
import type { Consumption, System } from './system.ts'

const only = 'all'
/** How many fetch at once, and how often one looks again that found nothing; its own workers look every half second. */
const fetchers = 2
const pauseMs = 5
const largestBatch = 500

export const pgBoss: System = {
  name: 'pg-boss',
  title: 'pg-boss on PostgreSQL (synchronous_commit=on), fetching and completing in batches',
  durability: 'D',
  form: 'library',
  missing: missingPostgres,
  async start(folder) {
    const postgres = await startPostgres(folder)
    const boss = new PgBoss({ connectionString: postgres.url, max: 20, supervise: false, schedule: false })
    boss.on('error', (error) => console.error(`pg-boss: ${error.message}`))
    await boss.start()
    /** The queues of pg-boss, one for each subscription: a job is in one of them. */
    const queues = new Map<string, readonly string[]>()
    const jobsOf = (queue: string, message: Uint8Array): PgBoss.JobInsert[] => {
      const data = { text: textOf(message) }
      return queues.get(queue)!.map((name) => ({ name, data }))
    }
    return {
      pids: [postgres.pid],
      async create({ name, subscriptions = [only], isOrdered = false }) {
        if (isOrdered) throw new Error('pg-boss has no order within keys; compare something else.')
        const names = subscriptions.map((each) => `${name}-${each}`)
        for (const each of names) await boss.createQueue(each)
        queues.set(name, names)
      },
      async publish(queue, message) {
        const jobs = jobsOf(queue, message)
        if (jobs.length === 1) await boss.send(jobs[0]!.name, jobs[0]!.data!)
        else await boss.insert(jobs)
      },
      publishAll: (queue, messages) => boss.insert(messages.flatMap((message) => jobsOf(queue, message))),
      consume: async (queue, consumption) => consume(boss, queue, consumption),
      async stop() {
        await boss.stop({ graceful: false })
        await postgres.stop()
      },
    }
  },
}

function consume(
  boss: PgBoss,
  queue: string,
  { subscription = only, window, handle }: Consumption,
): { stop(): Promise<void> } {
  const name = `${queue}-${subscription}`
  const batchSize = Math.max(1, Math.min(largestBatch, Math.floor(window / fetchers)))
  let isStopping = false
  const work = async (): Promise<void> => {
    while (!isStopping) {
      const jobs = await boss.fetch<{ text: string }>(name, { batchSize })
      if (jobs.length === 0) {
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
        continue
      }
      const handled = await Promise.allSettled(jobs.map(async ({ data }) => handle(Buffer.from(data.text))))
      const idsWith = (status: string): string[] =>
        jobs.flatMap(({ id }, index) => (handled[index]!.status === status ? [id] : []))
      const [done, failed] = [idsWith('fulfilled'), idsWith('rejected')]
      if (done.length > 0) await boss.complete(name, done)
      if (failed.length > 0) await boss.fail(name, failed)
    }
  }
  const working = Promise.all(Array.from({ length: fetchers }, work))
  return {
    async stop() {
      isStopping = true
      await working
    },
  }
}

function textOf(message: Uint8Array): string {
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString()
}
