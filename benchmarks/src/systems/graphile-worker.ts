import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import { missingPostgres, openPool, startPostgres } from './postgres.ts'
import type { System } from './system.ts'

const only = 'all'
/** A line for each job would be a part of the figure. */
const logger = new Logger(() => () => undefined)

export const graphileWorker: System = {
  name: 'graphile-worker',
  title: 'graphile-worker on PostgreSQL (synchronous_commit=on), fetching and completing in batches',
  durability: 'D',
  form: 'library',
  missing: missingPostgres,
  async start(folder) {
    const postgres = await startPostgres(folder)
    const pool = openPool(postgres, 20)
    const utilities = await makeWorkerUtils({ pgPool: pool, logger })
    await utilities.migrate()
    /** The tasks of each queue, one for each subscription: a job is for one of them. */
    const tasks = new Map<string, readonly string[]>()
    const jobsOf = (queue: string, message: Uint8Array): { identifier: string; payload: { text: string } }[] => {
      const payload = { text: textOf(message) }
      return tasks.get(queue)!.map((identifier) => ({ identifier, payload }))
    }
    return {
      pids: [postgres.pid],
      async create({ name, subscriptions = [only], isOrdered = false }) {
        if (isOrdered) throw new Error('graphile-worker advises against an order within many keys.')
        tasks.set(
          name,
          subscriptions.map((each) => taskOf(name, each)),
        )
      },
      async publish(queue, message) {
        const jobs = jobsOf(queue, message)
        if (jobs.length === 1) await utilities.addJob(jobs[0]!.identifier, jobs[0]!.payload)
        else await utilities.addJobs(jobs)
      },
      publishAll: async (queue, messages) =>
        void (await utilities.addJobs(messages.flatMap((message) => jobsOf(queue, message)))),
      async consume(queue, { subscription = only, window, handle }) {
        const task = taskOf(queue, subscription)
        const own = openPool(postgres, 10)
        const runner = await run({
          pgPool: own,
          logger,
          noHandleSignals: true,
          taskList: { [task]: async (payload) => handle(Buffer.from((payload as { text: string }).text)) },
          preset: {
            worker: {
              concurrentJobs: Math.min(window, 24),
              localQueue: { size: Math.min(window, 500) },
              completeJobBatchDelay: 10,
              failJobBatchDelay: 10,
            },
          },
        })
        return {
          async stop() {
            await runner.stop()
            await own.end()
          },
        }
      },
      async stop() {
        await utilities.release()
        await pool.end()
        await postgres.stop()
      },
    }
  },
}

const taskOf = (queue: string, subscription: string): string => `${queue}-${subscription}`

function textOf(message: Uint8Array): string {
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString()
}
