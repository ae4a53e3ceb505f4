import { join } from 'node:path'
import { AckPolicy, jetstream, jetstreamManager, type JsMsg } from '@nats-io/jetstream'
import { connect, nanos } from '@nats-io/transport-node'
import { hand } from './acknowledge.ts'
import { freePort, missingProgram, startProgram } from './program.ts'
import type { System } from './system.ts'

const only = 'all'

export const nats: System = {
  name: 'nats',
  title: 'NATS JetStream on one node, file storage, synced every two minutes',
  durability: 'P',
  form: 'server',
  missing: async () => missingProgram('nats-server', 'apt-get install nats-server'),
  async start(folder) {
    const port = await freePort()
    const words = ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', join(folder, 'nats')]
    const server = await startProgram({ command: 'nats-server', words, log: join(folder, 'nats.log'), port })
    const connection = await connect({ port })
    const stream = jetstream(connection)
    const manager = await jetstreamManager(connection)
    return {
      pids: [server.pid],
      async create({ name, subscriptions = [only], isOrdered = false }) {
        if (isOrdered) throw new Error('JetStream has no order within keys beside others; compare something else.')
        await manager.streams.add({ name, subjects: [name] })
        for (const each of subscriptions) {
          await manager.consumers.add(name, {
            durable_name: each,
            ack_policy: AckPolicy.Explicit,
            ack_wait: nanos(300_000),
            max_ack_pending: 10_000,
          })
        }
      },
      publish: async (queue, message) => void (await stream.publish(queue, message)),
      async consume(queue, { subscription = only, window, handle }) {
        const own = await connect({ port })
        const consumer = await jetstream(own).consumers.get(queue, subscription)
        const callback = (message: JsMsg): void =>
          hand(message.data, handle, { done: () => message.ack(), failed: () => message.nak() })
        const messages = await consumer.consume({ max_messages: window, callback })
        return {
          async stop() {
            await messages.close()
            await own.drain()
          },
        }
      },
      async stop() {
        await connection.close()
        await server.end()
      },
    }
  },
}
