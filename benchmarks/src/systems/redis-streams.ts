import { Redis } from 'ioredis'
import { coalesced, hand } from './acknowledge.ts'
import { missingRedis, startRedis, type AppendFsync } from './redis.ts'
import type { Consumption, RunningSystem, System } from './system.ts'

const only = 'all'
const field = 'message'

export const redisStreams: System = {
  name: 'redis-streams',
  title: 'Redis Streams, appendonly with appendfsync always',
  durability: 'D',
  form: 'server',
  missing: missingRedis,
  start: (folder) => start(folder, 'always'),
}

export const redisStreamsOs: System = {
  name: 'redis-streams-os',
  title: 'Redis Streams, appendonly with appendfsync everysec',
  durability: 'P',
  form: 'server',
  missing: missingRedis,
  start: (folder) => start(folder, 'everysec'),
}

async function start(folder: string, appendFsync: AppendFsync): Promise<RunningSystem> {
  const server = await startRedis(folder, appendFsync)
  // Commands of one turn go in one write, as its documentation has it for throughput.
  const redis = new Redis({ port: server.port, enableAutoPipelining: true, maxRetriesPerRequest: null })
  return {
    pids: [server.pid],
    async create({ name, subscriptions = [only], isOrdered = false }) {
      if (isOrdered) throw new Error('Redis Streams have no order within keys beside others; compare something else.')
      for (const each of subscriptions) await createGroup(redis, name, each)
    },
    publish: async (queue, message) => void (await redis.xadd(queue, '*', field, Buffer.from(message))),
    async publishAll(queue, messages) {
      const pipeline = redis.pipeline()
      for (const message of messages) pipeline.xadd(queue, '*', field, Buffer.from(message))
      for (const [error] of (await pipeline.exec())!) if (error) throw error
    },
    consume: (queue, consumption) => consume(server.port, queue, consumption),
    async stop() {
      redis.disconnect()
      await server.end()
    },
  }
}

async function createGroup(redis: Redis, stream: string, group: string): Promise<void> {
  try {
    await redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM')
  } catch (error) {
    if (!(error as Error).message.startsWith('BUSYGROUP')) throw error
  }
}

type Entry = readonly [id: Buffer, fields: readonly Buffer[]]
/** The third version of the protocol answers a map, which comes as a list. */
type Answer = readonly [stream: Buffer, entries: readonly Entry[]] | null

/** One connection waits for entries, another one acknowledges: a blocking command holds up what is behind it. */
async function consume(
  port: number,
  stream: string,
  { subscription: group = only, window, handle }: Consumption,
): Promise<{ stop(): Promise<void> }> {
  const reader = new Redis({ port, maxRetriesPerRequest: null })
  const writer = new Redis({ port, maxRetriesPerRequest: null })
  const acknowledgements = coalesced<Buffer>(async (ids) => {
    await writer.xack(stream, group, ...ids)
    inHand -= ids.length
    roomAgain()
  })
  let inHand = 0
  let isStopping = false
  let roomAgain = (): void => undefined
  const take = ([id, [, message]]: Entry): void => {
    const failed = (): void => {
      void writer.callBuffer('XCLAIM', stream, group, 'bench', '0', id).then((again) => take((again as Entry[])[0]!))
    }
    hand(message!, handle, { done: () => acknowledgements.add(id), failed })
  }
  const readAll = async (): Promise<void> => {
    while (!isStopping) {
      if (inHand >= window) {
        await new Promise<void>((resolve) => (roomAgain = resolve))
        continue
      }
      const count = String(window - inHand)
      const words = ['GROUP', group, 'bench', 'COUNT', count, 'BLOCK', '1000', 'STREAMS', stream, '>']
      const answer = (await reader.callBuffer('XREADGROUP', ...words)) as Answer
      const entries = answer?.[1] ?? []
      inHand += entries.length
      for (const entry of entries) take(entry)
    }
  }
  const reading = readAll().catch((error: unknown) => {
    if (!isStopping) throw error
  })
  return {
    async stop() {
      isStopping = true
      roomAgain()
      reader.disconnect()
      await reading
      await acknowledgements.settled()
      writer.disconnect()
    },
  }
}
