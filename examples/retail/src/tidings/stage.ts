import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect, type Broker } from 'tidings'
import { Gate } from '../faults/gate.ts'
import { seededRandom } from '../faults/random.ts'
import { MailRecorder } from '../faults/recorder.ts'
import type { ReplayProxy } from '../faults/replay.ts'
import { replayDeliveries } from '../faults/replay-deliveries.ts'
import type { Options } from '../options.ts'
import type { ManagedProcess } from '../process/managed-process.ts'
import type { Processes } from '../process/processes.ts'
import { Operator } from './operator.ts'
import { findPython, standardLibraryOnly } from './python.ts'

/** The server, four teams, the proxy before two of them and the provider of mail: all running. */
export interface Stage {
  readonly directory: string
  readonly recorder: MailRecorder
  readonly proxy: ReplayProxy
  readonly operator: Operator
  /** The server, for whoever compares. */
  readonly broker: Broker
  /** Those who compare copies share it with the owners. */
  readonly secret: string
  /** Between the CRM and the server, where that is to be cut. */
  readonly gate?: Gate
  readonly server: ManagedProcess
  readonly sales: ManagedProcess
  readonly crm: ManagedProcess
  readonly marketing: ManagedProcess
  readonly analytics: ManagedProcess
  /** So many orders are played after all others, calmly, to measure how fast a copy follows. */
  readonly calmOrders: number
  /** Python's version, or `undefined` where analytics runs in TypeScript because there is no Python. */
  readonly python: string | undefined
}

export async function startStage(options: Options, orders: number, processes: Processes): Promise<Stage> {
  const directory = join(options.directory, 'tidings')
  mkdirSync(directory, { recursive: true })
  const recorder = await MailRecorder.start()
  const start = (
    team: string,
    environment: Record<string, string>,
    command?: { program: string; arguments: string[] },
  ) =>
    processes.startTeam({
      name: team,
      script: `services/${team}/main.js`,
      ...(command && { command }),
      directory,
      database: `${team}.db`,
      environment,
    })

  const server = await start('server', { STORE_DIRECTORY: join(directory, 'store') })
  const proxy = await replayDeliveries({ target: () => server.url, random: seededRandom(options.seed, 'replay') })
  const python = findPython()
  const analyst = python && {
    program: python.program,
    arguments: [
      ...standardLibraryOnly,
      fileURLToPath(new URL('../../src/services/analytics/analytics.py', import.meta.url)),
    ],
  }
  const gate = options.sabotage ? await Gate.start(() => server.url) : undefined
  const secret = randomBytes(32).toString('base64')
  const calmOrders = Math.min(300, Math.floor(orders / 10))
  const [sales, crm] = await Promise.all([
    start('sales', { BROKER_URL: server.url, ...processes.playEnvironment(options, calmOrders) }),
    start('crm', { BROKER_URL: gate?.url ?? server.url, PROOF_SECRET: secret }),
  ])
  const [marketing, analytics] = await Promise.all([
    start('marketing', { BROKER_URL: proxy.url, MAIL_URL: recorder.url }),
    start('analytics', { BROKER_URL: proxy.url }, analyst),
  ])
  const operator = new Operator(() => server.url)
  await everybodySubscribed(operator)
  const broker = connect(server.url)
  const teams = { server, sales, crm, marketing, analytics }
  const facts = { calmOrders, python: python?.version, ...(gate && { gate }) }
  return { directory, recorder, proxy, operator, broker, secret, ...teams, ...facts }
}

/** Marketing thanks for what comes from now on, so nothing may come before everybody listens. */
async function everybodySubscribed(operator: Operator): Promise<void> {
  for (;;) {
    const readers = (await operator.subscriptions()).map(
      ({ subscription, topic }) => `${subscription.split('.')[0]} ${topic}`,
    )
    const expected = [
      'crm sales.order',
      'marketing sales.order',
      'marketing crm.customer',
      'analytics sales.order',
      'analytics crm.customer',
    ]
    if (expected.every((reader) => readers.includes(reader))) return
    await pause(20)
  }
}
