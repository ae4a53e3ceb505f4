import { existsSync, readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type ChannelModel, type ConfirmChannel } from 'amqplib'
import { coalesced, doneUpTo, hand } from './acknowledge.ts'
import { findProgram, freePort, startProgram, type RunningProgram } from './program.ts'
import type { Consumption, System } from './system.ts'

const only = 'all'
const debian = '/usr/lib/rabbitmq/lib'
const options = { persistent: true, contentType: 'application/json' }

export const rabbitmq: System = {
  name: 'rabbitmq',
  title: 'RabbitMQ, quorum queue on one node with publisher confirms',
  durability: 'D',
  form: 'server',
  missing: async () =>
    serverProgram() && findProgram('epmd')
      ? undefined
      : 'there is no rabbitmq-server on this machine; apt-get install rabbitmq-server',
  async start(folder) {
    const { port, pids, end } = await startNode(folder)
    const connection = await connect({ hostname: '127.0.0.1', port })
    const channel = await connection.createConfirmChannel()
    return {
      pids,
      async create({ name, subscriptions = [only], isOrdered = false }) {
        if (isOrdered) throw new Error('RabbitMQ has no order within keys beside others; compare something else.')
        await channel.assertExchange(name, 'fanout', { durable: true })
        for (const each of subscriptions) {
          const queue = `${name}-${each}`
          await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
          await channel.bindQueue(queue, name, '')
        }
      },
      publish: (queue, message) => confirmed(channel, queue, message),
      consume: (queue, consumption) => consume(connection, queue, consumption),
      async stop() {
        await connection.close()
        await end()
      },
    }
  },
}

function confirmed(channel: ConfirmChannel, exchange: string, message: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.publish(exchange, '', Buffer.from(message), options, (error: Error | null) =>
      error ? reject(error) : resolve(),
    )
  })
}

async function consume(
  connection: ChannelModel,
  queue: string,
  { subscription = only, window, handle }: Consumption,
): Promise<{ stop(): Promise<void> }> {
  const channel = await connection.createChannel()
  await channel.prefetch(window)
  const upTo = doneUpTo()
  let acknowledged = 0
  const acknowledgements = coalesced<number>((numbers) => {
    const floor = numbers.reduce((_, number) => upTo(number), 0)
    if (floor === acknowledged) return
    acknowledged = floor
    channel.ack({ fields: { deliveryTag: floor } } as never, true)
  })
  const { consumerTag } = await channel.consume(`${queue}-${subscription}`, (delivery) => {
    if (!delivery) throw new Error('RabbitMQ has ended a consumer on its own; see its log.')
    const tag = delivery.fields.deliveryTag
    const failed = (): void => {
      channel.reject(delivery, true)
      acknowledgements.add(tag)
    }
    hand(delivery.content, handle, { done: () => acknowledgements.add(tag), failed })
  })
  return {
    async stop() {
      await channel.cancel(consumerTag)
      await acknowledgements.settled()
      await channel.close()
    },
  }
}

/** The script of Debian wants to be run by the user of the one server of the machine; what it runs does not. */
function serverProgram(): string | undefined {
  const versions = existsSync(debian) ? readdirSync(debian) : []
  const installed = versions.map((version) => join(debian, version, 'sbin/rabbitmq-server'))
  return installed.find((path) => existsSync(path)) ?? findProgram('rabbitmq-server')
}

/** A node that shares nothing with others on this machine, not even the daemon that knows the names of nodes. */
async function startNode(
  folder: string,
): Promise<{ readonly port: number; readonly pids: readonly number[]; end(): Promise<void> }> {
  const [port, distribution, names] = [await freePort(), await freePort(), await freePort()]
  const words = ['-port', String(names), '-address', '127.0.0.1']
  const epmd: RunningProgram = await startProgram({
    command: findProgram('epmd')!,
    words,
    log: join(folder, 'epmd.log'),
    port: names,
  })
  const plugins = join(folder, 'enabled_plugins')
  const configuration = join(folder, 'rabbitmq.conf')
  await writeFile(plugins, '[].\n')
  await writeFile(configuration, `listeners.tcp.local = 127.0.0.1:${port}\n`)
  const node = await startProgram({
    command: serverProgram()!,
    words: [],
    log: join(folder, 'rabbitmq.log'),
    port,
    folder,
    variables: {
      HOME: folder,
      ERL_EPMD_PORT: String(names),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: 'tidings-benchmark@localhost',
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_CONFIG_FILE: configuration,
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      // Its script becomes the server then, instead of waiting for it.
      RUNNING_UNDER_SYSTEMD: 'true',
    },
  })
  return {
    port,
    pids: [node.pid, epmd.pid],
    async end() {
      await node.end()
      await epmd.end()
    },
  }
}
