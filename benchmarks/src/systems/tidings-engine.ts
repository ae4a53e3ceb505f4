import { join } from 'node:path'
import { embeddedEngine } from 'tidings/engines/embedded'
import type { System } from './system.ts'
import { events } from './tidings.ts'

/** The embedded engine without a broker: what is published is read again, and there is nothing to acknowledge. */
export const bareEngine: System = {
  name: 'tidings-engine',
  title: 'Tidings, the embedded engine alone (an fsync for each group)',
  durability: 'D',
  form: 'library',
  missing: async () => undefined,
  async start(folder) {
    const engine = embeddedEngine({ path: join(folder, 'tidings') })
    await engine.start()
    const topicOf = (queue: string): { namespace: string; topic: string } => ({
      namespace: 'default',
      topic: `bench.${queue}`,
    })
    const eventOf = events()
    return {
      pids: [],
      create: async ({ name }) => void (await engine.log.create(topicOf(name), { kind: 'event', shards: 1 })),
      publish: async (queue, message) =>
        void (await engine.log.append(topicOf(queue), [{ event: eventOf(message), shard: 0 }])),
      publishAll: async (queue, messages) => {
        const requests = messages.map((message) => ({ event: eventOf(message), shard: 0 }))
        await engine.log.append(topicOf(queue), requests)
      },
      async consume(queue, { handle }) {
        for (let after = 0; ;) {
          const { records, until } = await engine.log.read(topicOf(queue), { after, limit: 1_000 })
          for (const { event } of records) await handle(event.data!)
          if (records.length === 0) break
          after = until
        }
        return { stop: async () => undefined }
      },
      stop: () => engine.stop(),
    }
  },
}
