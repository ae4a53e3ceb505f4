import { resolve } from 'node:path'
import type { AccessToken, PushOptions, Standing } from '@tidings/server'
import { repeated, wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { UsageError } from '../failure.ts'
import { interrupted, untilInterrupted } from '../interrupt.ts'
import { endOnDefect } from '../server/defect.ts'
import { serverLog } from '../server/log.ts'
import { readTokens } from '../server/tokens.ts'
import type { Session } from '../session.ts'
import { settingDefaults, type Flags, type Settings } from '../settings.ts'
import { commandVersion } from '../version.ts'

export function addServer(program: TidingsCommand): void {
  program
    .command('server')
    .description(
      'Starts a server. It keeps its store in one folder, or in PostgreSQL, and stops in good order on SIGINT and SIGTERM.',
    )
    .example('tidings server', `on ${settingDefaults.url}, with its store in ./${settingDefaults.data}`)
    .example('tidings server --data /var/lib/tidings --port 8080', 'somewhere else')
    .example('tidings server --engine memory', 'to try something: it forgets everything')
    .example('TIDINGS_ENGINE=postgres://… tidings server', 'in a database, whose password no list of processes shows')
    .example('TIDINGS_TOKEN=… tidings server --host 0.0.0.0', 'for other machines, which need the token')
    .option('--data <folder>', `the folder of the store (TIDINGS_DATA; ${settingDefaults.data})`)
    .option(
      '--port <port>',
      `0 lets the system choose (TIDINGS_PORT; ${settingDefaults.port})`,
      wholeNumber({ least: 0, most: 65_535 }),
    )
    .option('--host <address>', `where it listens (TIDINGS_HOST; ${settingDefaults.host})`)
    .option(
      '--engine <engine>',
      `what keeps the events: embedded, memory, or postgres://… (TIDINGS_ENGINE; ${settingDefaults.engine})`,
    )
    .option('--address <host:port>', 'how other servers on the same PostgreSQL reach this one; where it listens')
    .option('--tokens <file>', 'who may call, and as whom: a JSON file; --token is the operator')
    .option('--push-allow <address>', 'a network, address or host that may be pushed to though not public', repeated)
    .option('--push-trust <host>', 'a host that is pushed to without being asked for its consent', repeated)
    .option('--push-origin <name>', 'the name by which receivers of push know this system; that of the machine')
    .option('--alarm-webhook <url>', 'told by a POST of each alarm that is raised or cleared')
    .runs<[], ServeOptions>((session, _, options) => {
      refuseClientOptions(options)
      return untilInterrupted((signal) => serve(session, options, signal))
    })
}

interface ServeOptions {
  readonly address?: string
  readonly tokens?: string
  readonly pushAllow?: readonly string[]
  readonly pushTrust?: readonly string[]
  readonly pushOrigin?: string
  readonly alarmWebhook?: string
}

function alarmsOf({ alarmWebhook: webhook }: ServeOptions): { readonly webhook?: string } {
  if (webhook === undefined) return {}
  if (URL.canParse(webhook) && /^https?:$/.test(new URL(webhook).protocol)) return { webhook }
  throw new UsageError(`--alarm-webhook needs an address that begins with http:// or https://; it was ${webhook}.`)
}

function pushOf({ pushAllow, pushTrust, pushOrigin }: ServeOptions): PushOptions {
  return {
    ...(pushAllow && { allow: pushAllow }),
    ...(pushTrust && { trust: pushTrust }),
    ...(pushOrigin !== undefined && { origin: pushOrigin }),
  }
}

function refuseClientOptions({ url, principal }: Flags): void {
  if (url !== undefined) throw new UsageError('A server has no --url; say where it listens with --host and --port.')
  if (principal !== undefined) throw new UsageError('A server has no --principal; its callers say who they are.')
}

async function serve(session: Session, options: ServeOptions, signal: AbortSignal): Promise<void> {
  const { settings, output, terminal } = session
  const { data, host, port, engine } = settings
  const log = serverLog(terminal, output)
  const namespaces = [...new Set([settingDefaults.namespace, ...settings.namespaces])]
  const tokens = tokensOf(settings, options.tokens, namespaces)
  // Fastify is loaded by those who serve only.
  const { startServer } = await import('@tidings/server')
  const stopWatching = endOnDefect(log)
  const server = await startServer({
    engine,
    path: data,
    host,
    port,
    namespaces,
    tokens,
    logger: log,
    push: pushOf(options),
    alarms: alarmsOf(options),
    ...(options.address !== undefined && { address: options.address }),
    onStanding: (standing) => output.note(standingText(standing)),
  })
  const { url, standing } = server
  const isShared = storeOf(settings).engine === 'postgres'
  const about = {
    ...{ url, version: commandVersion, namespaces, pid: process.pid, ...storeOf(settings) },
    ...(isShared && standing),
  }
  await output.show(about, () => `Tidings ${commandVersion} listening on ${server.url}`)
  output.note(whereabouts(about))
  if (isShared) output.note(standingText(standing))
  await interrupted(signal)
  output.note('Stopping.')
  await server.stop()
  stopWatching()
  output.note('Stopped.')
}

interface Store {
  readonly engine: 'embedded' | 'memory' | 'postgres'
  /** The folder. */
  readonly data?: string
  /** Where the database is; never with what it takes to get in. */
  readonly database?: string
}

function storeOf({ engine, data }: Settings): Store {
  if (engine === 'embedded') return { engine, data: resolve(data) }
  if (engine === 'memory') return { engine }
  const { host, pathname } = new URL(engine)
  return { engine: 'postgres', database: host + pathname }
}

function whereabouts({ engine, data, database }: Store): string {
  if (engine === 'memory') return 'The store is in memory: it ends with this.'
  return engine === 'embedded' ? `The store is in ${data}.` : `The store is in PostgreSQL, at ${database}.`
}

function standingText(standing: Standing): string {
  if (standing.state === 'leads') return 'This server leads.'
  return standing.leader === undefined
    ? 'No server leads that this one knows; it stands by.'
    : `This server stands by for ${standing.leader}.`
}

function tokensOf(
  { token }: Settings,
  file: string | undefined,
  namespaces: readonly string[],
): readonly AccessToken[] {
  const named = file === undefined ? [] : readTokens(file)
  return token === undefined ? named : [{ token, principal: settingDefaults.principal, namespaces }, ...named]
}
