import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { missingRedis, startRedis } from './redis.ts'
import type { System } from './system.ts'

const only = 'all'

export const bullmq: System = {
  name: 'bullmq',
  title: 'BullMQ on Redis, appendonly with appendfsync always',
  durability: 'D',
  form: 'library',
  missing: missingRedis,
  async start(folder) {
    const server = await startRedis(folder, 'always')
    const open = (): Redis => new Redis({ port: server.port, enableAutoPipelining: true, maxRetriesPerRequest: null })
    const connection = open()
    /** A queue of BullMQ for each subscription: it has nothing that gives a job to several. */
    const queues = new Map<string, readonly Queue[]>()
    const defaultJobOptions = { removeOnComplete: true, attempts: 100 }
    return {
      pids: [server.pid],
      async create({ name, subscriptions = [only], isOrdered = false }) {
        if (isOrdered) throw new Error('BullMQ has no order within keys; compare something else.')
        const made = subscriptions.map((each) => new Queue(`${name}-${each}`, { connection, defaultJobOptions }))
        for (const queue of made) await queue.waitUntilReady()
        queues.set(name, made)
      },
      async publish(name, message) {
        const text = textOf(message)
        await Promise.all(queues.get(name)!.map((queue) => queue.add('message', text)))
      },
      async publishAll(name, messages) {
        const jobs = messages.map((message) => ({ name: 'message', data: textOf(message) }))
        await Promise.all(queues.get(name)!.map((queue) => queue.addBulk(jobs)))
      },
      async consume(name, { subscription = only, window, handle }) {
        const work = async ({ data }: { readonly data: string }): Promise<void> => handle(Buffer.from(data))
        // Behind the jobs that are added on the other one, a worker would starve.
        const own = open()
        const worker = new Worker(`${name}-${subscription}`, work, { connection: own, concurrency: window })
        await worker.waitUntilReady()
        return {
          async stop() {
            await worker.close()
            own.disconnect()
          },
        }
      },
      async stop() {
        for (const queue of [...queues.values()].flat()) await queue.close()
        connection.disconnect()
        await server.end()
      },
    }
  },
}

function textOf(message: Uint8Array): string {
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString()
}
