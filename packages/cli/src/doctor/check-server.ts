import { createServer } from 'node:net'
import { TidingsError } from 'tidings'
import { protocolHeader, protocolVersion } from 'tidings/protocol'
import type { Session } from '../session.ts'
import { commandVersion } from '../version.ts'
import { failed, ok, skipped, warning, type Finding } from './finding.ts'

const answerWithinMs = 3_000
const skewWarnedMs = 2_000
const skewFailedMs = 60_000

/** Who answers at an address. */
export type Answerer =
  | {
      readonly kind: 'tidings'
      readonly protocol: string
      /** Why it is not ready, where it is not. */
      readonly notReady: string | undefined
      readonly skewMs: number | undefined
    }
  | { readonly kind: 'other'; readonly what: string }
  | { readonly kind: 'nobody'; readonly reason: string }

export async function askWhoAnswers(url: string): Promise<Answerer> {
  const askedAt = Date.now()
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(answerWithinMs) })
    const text = await response.text()
    const protocol = response.headers.get(protocolHeader)
    if (protocol === null) return { kind: 'other', what: `${response.status} ${response.statusText}`.trim() }
    return {
      kind: 'tidings',
      protocol,
      notReady: response.ok ? undefined : detailOf(text),
      skewMs: skewOf(response, (askedAt + Date.now()) / 2),
    }
  } catch (error) {
    return { kind: 'nobody', reason: reasonOf(error) }
  }
}

function detailOf(problem: string): string {
  try {
    const { detail } = JSON.parse(problem) as { detail?: unknown }
    if (typeof detail === 'string') return detail
  } catch {
    // What stands between may answer anything.
  }
  return 'It does not say why.'
}

/** The header counts whole seconds, so half of one is the best guess. */
function skewOf(response: Response, at: number): number | undefined {
  const date = Date.parse(response.headers.get('date') ?? '')
  if (Number.isNaN(date)) return undefined
  return Math.max(0, Math.abs(date + 500 - at) - 500)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  return cause.message === '' && 'code' in cause ? String(cause.code) : cause.message
}

/** The server itself: its version, its clock, and whether it lets this caller in. The session is one with that server. */
export async function checkServer(
  session: Session,
  { url, answerer, urlGiven }: { readonly url: string; readonly answerer: Answerer; readonly urlGiven: boolean },
): Promise<readonly Finding[]> {
  if (answerer.kind === 'other') {
    const message = `At ${url} answers a program that is no Tidings server (${answerer.what}).`
    return [failed('server', message, 'Name the server with --url, or start one on another --port.')]
  }
  if (answerer.kind === 'nobody') return [urlGiven ? noAnswer(url, answerer.reason) : noServer(url)]
  return [
    answerer.notReady === undefined
      ? ok('server', `Tidings answers at ${url}.`)
      : warning('server', `Tidings at ${url} is not ready. ${answerer.notReady}`, 'Ask again when that is mended.'),
    await checkVersion(url, answerer.protocol),
    checkClock(answerer.skewMs),
    await checkAccess(session),
  ]
}

function noAnswer(url: string, reason: string): Finding {
  return failed(
    'server',
    `Nothing answers at ${url} (${reason}).`,
    'Start the server, or correct --url or TIDINGS_URL.',
  )
}

/** Nobody said that there is one, so that none runs yet is no fault. */
function noServer(url: string): Finding {
  return skipped('server', `No server runs at ${url}; start one with: tidings server`)
}

async function checkVersion(url: string, protocol: string): Promise<Finding> {
  if (protocol !== String(protocolVersion)) {
    const message = `The server speaks version ${protocol} of the protocol, this command version ${protocolVersion}.`
    return failed('version', message, 'Upgrade the older one of the two.')
  }
  const version = await versionOf(url)
  if (version === commandVersion) return ok('version', `Server and command are both ${version}.`)
  return warning(
    'version',
    `The server is ${version ?? 'of an unknown version'}, this command is ${commandVersion}; they understand each other.`,
    'Use the same version for both when it suits you.',
  )
}

async function versionOf(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/openapi.json`, { signal: AbortSignal.timeout(answerWithinMs) })
    const { info } = (await response.json()) as { info?: { version?: unknown } }
    return typeof info?.version === 'string' ? info.version : undefined
  } catch {
    return undefined
  }
}

function checkClock(skewMs: number | undefined): Finding {
  if (skewMs === undefined) return skipped('clock', 'The server does not say what time it is.')
  if (skewMs < skewWarnedMs) return ok('clock', 'The clocks of this machine and of the server agree.')
  const message = `The clocks of this machine and of the server are ${(skewMs / 1000).toFixed(0)} s apart.`
  const fix = 'Let both machines take their time from the network (chrony, systemd-timesyncd).'
  return skewMs < skewFailedMs ? warning('clock', message, fix) : failed('clock', message, fix)
}

async function checkAccess(session: Session): Promise<Finding> {
  const { namespace, principal } = session.caller
  const who = session.settings.token === undefined ? `"${principal}"` : 'The holder of the token'
  try {
    const topics = await session.broker.topics(session.caller)
    return ok('access', `${who} may ask in the namespace ${namespace}; topics there: ${topics.length}.`)
  } catch (error) {
    if (!(error instanceof TidingsError)) throw error
    return failed('access', error.message, 'Check TIDINGS_TOKEN and TIDINGS_NAMESPACE, or --token and --namespace.')
  }
}

/** Whether a server could listen where nobody does yet. */
export async function checkPort(host: string, port: number): Promise<Finding> {
  const code = await listenOnce(host, port)
  if (code === undefined) return ok('port', `Port ${port} of ${host} is free.`)
  if (code === 'EADDRINUSE') {
    return failed('port', `Port ${port} of ${host} is taken by another program.`, 'Choose another one with --port.')
  }
  if (code === 'EACCES') {
    return failed(
      'port',
      `Port ${port} of ${host} needs rights that you don't have.`,
      'Choose one above 1023 with --port.',
    )
  }
  return failed(
    'port',
    `Nothing can listen on ${host}, port ${port} (${code}).`,
    'Choose an address of this machine with --host.',
  )
}

function listenOnce(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}
