import { Option } from 'commander'
import { wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { checkNode } from '../doctor/check-node.ts'
import { askWhoAnswers, checkPort, checkServer } from '../doctor/check-server.ts'
import type { Finding } from '../doctor/finding.ts'
import { exitCodes } from '../failure.ts'
import type { Output } from '../output.ts'
import type { Session } from '../session.ts'
import { settingDefaults } from '../settings.ts'
import { visible } from '../text.ts'

export function addDoctor(program: TidingsCommand): void {
  program
    .command('doctor')
    .description(
      'Looks for what keeps a server from working or a client from reaching it. Exit code 3: a check failed.',
    )
    .example('tidings doctor', 'the server of this machine, or the place for one')
    .example('tidings doctor --url http://events.example:7070', 'a server elsewhere')
    .example('tidings doctor --data /var/lib/tidings', 'the folder of a store')
    .option('--data <folder>', `the folder of the store (TIDINGS_DATA; ${settingDefaults.data})`)
    .option('--port <port>', `(TIDINGS_PORT; ${settingDefaults.port})`, wholeNumber({ least: 1, most: 65_535 }))
    .option('--host <address>', `(TIDINGS_HOST; ${settingDefaults.host})`)
    .addOption(
      new Option('--engine <engine>', `(TIDINGS_ENGINE; ${settingDefaults.engine})`).choices(['embedded', 'memory']),
    )
    .runs(async (session) => {
      const { output } = session
      const findings = await examine(session)
      const failures = findings.filter(({ status }) => status === 'failed').length
      await output.show({ ok: failures === 0, checks: findings }, () =>
        findings.map((each) => line(each, output)).join('\n'),
      )
      return failures === 0 ? exitCodes.ok : exitCodes.checkFailed
    })
}

async function examine(session: Session): Promise<readonly Finding[]> {
  const { settings } = session
  const { host, port, data, engine, urlGiven } = settings
  const url = urlGiven ? settings.url : `http://${reachable(host)}:${port}`
  const answerer = await askWhoAnswers(url.replace(/\/+$/, ''))
  const findings = [
    checkNode(process.versions.node),
    ...(await checkServer(session.at(url), { url, answerer, urlGiven })),
  ]
  // Port and folder are those of this machine, and say nothing about a server on another one.
  if (urlGiven && !isLocal(url)) return findings
  if (answerer.kind === 'nobody' && !urlGiven) findings.push(await checkPort(host, port))
  if (engine === 'embedded') {
    const { checkFolder } = await import('../doctor/check-folder.ts')
    findings.push(...(await checkFolder(data, answerer.kind === 'tidings')))
  }
  return findings
}

/** A server that listens everywhere is reached here. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

function isLocal(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}

const marks = {
  ok: ['green', 'ok     '],
  skipped: ['dim', 'skipped'],
  warning: ['yellow', 'warning'],
  failed: ['red', 'FAILED '],
} as const

function line(finding: Finding, output: Output): string {
  const [style, mark] = marks[finding.status]
  const said = `${output.style(style, mark)}  ${finding.check.padEnd(8)} ${visible(finding.message)}`
  return 'fix' in finding ? `${said}\n${' '.repeat(18)}${output.style('bold', visible(finding.fix))}` : said
}
