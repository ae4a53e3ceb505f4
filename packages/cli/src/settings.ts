import type { PostgresAddress } from '@tidings/server'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseWholeNumber } from './arguments.ts'
import { UsageError } from './failure.ts'

/** The options that every command takes, and those of `server` and `doctor` that have variables too. */
export interface Flags {
  readonly url?: string
  readonly token?: string
  readonly namespace?: readonly string[]
  readonly principal?: string
  readonly config?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly color?: boolean
  readonly input?: boolean
  readonly data?: string
  readonly host?: string
  readonly port?: number
  readonly engine?: string
}

/** What a command works with: flags before environment variables before the file. */
export interface Settings {
  readonly url: string
  /** Whether somebody said which server. */
  readonly urlGiven: boolean
  readonly token: string | undefined
  readonly namespaces: readonly string[]
  readonly principal: string
  readonly principalGiven: boolean
  readonly data: string
  readonly host: string
  readonly port: number
  readonly engine: EngineChoice
}

type EngineChoice = 'embedded' | 'memory' | PostgresAddress

export const settingDefaults = {
  url: 'http://127.0.0.1:7070',
  namespace: 'default',
  principal: 'operator',
  data: '.data/tidings',
  host: '127.0.0.1',
  port: 7070,
  engine: 'embedded',
} as const

type Variables = Readonly<Record<string, string | undefined>>
type FileSetting = (typeof fileSettings)[number]

const fileSettings = ['url', 'token', 'namespace', 'principal', 'data', 'host', 'port', 'engine'] as const

export function readSettings(flags: Flags, variables: Variables): Settings {
  const file = readFile(flags.config, variables)
  const setting = (name: FileSetting, flag: string | undefined): string | undefined =>
    flag ?? variable(variables, name) ?? file[name]
  const url = setting('url', flags.url)
  const principal = setting('principal', flags.principal)
  return {
    url: url ?? settingDefaults.url,
    urlGiven: url !== undefined,
    token: flags.token ?? variable(variables, 'token') ?? (url === file.url ? file.token : undefined),
    namespaces: namespacesOf(flags.namespace?.join() ?? setting('namespace', undefined)),
    principal: principal ?? settingDefaults.principal,
    principalGiven: principal !== undefined,
    data: setting('data', flags.data) ?? settingDefaults.data,
    host: setting('host', flags.host) ?? settingDefaults.host,
    port: flags.port ?? portOf(setting('port', undefined)),
    engine: engineOf(setting('engine', flags.engine)),
  }
}

function variable(variables: Variables, name: FileSetting): string | undefined {
  const value = variables[`TIDINGS_${name.toUpperCase()}`]
  return value === '' ? undefined : value
}

function namespacesOf(text: string = settingDefaults.namespace): readonly string[] {
  return text.split(',').map((name) => name.trim())
}

function portOf(text: string | undefined): number {
  if (text === undefined) return settingDefaults.port
  return parseWholeNumber(text, { what: 'The port (TIDINGS_PORT or the settings file)', least: 0, most: 65_535 })
}

function engineOf(text: string = settingDefaults.engine): EngineChoice {
  if (text === 'embedded' || text === 'memory') return text
  if (isPostgresAddress(text)) return text
  // An address may hold a password.
  const found = text.includes(':') ? 'That address' : `"${text}"`
  throw new UsageError(`${found} is no engine; use embedded, memory, or postgres://user:password@host:port/database.`)
}

function isPostgresAddress(text: string): text is PostgresAddress {
  return /^postgres(ql)?:\/\//.test(text) && URL.canParse(text)
}

/** The settings file: a token in it goes to the server named in it, and to no other. */
function readFile(flag: string | undefined, variables: Variables): Partial<Record<FileSetting, string>> {
  const named = flag ?? variables['TIDINGS_CONFIG']
  const folder = variables['XDG_CONFIG_HOME'] ?? join(variables['HOME'] ?? homedir(), '.config')
  const path = named ?? join(folder, 'tidings/config.json')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (named === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new UsageError(`The settings file ${path} cannot be read (${(error as Error).message}); check --config.`)
  }
  return checkFile(path, text)
}

function checkFile(path: string, text: string): Partial<Record<FileSetting, string>> {
  const wanted = `it must be a JSON object with some of ${fileSettings.join(', ')}`
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`The settings file ${path} is not JSON (${(error as Error).message}); ${wanted}.`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`The settings file ${path} is no JSON object; ${wanted}.`)
  }
  const read: Partial<Record<FileSetting, string>> = {}
  for (const [name, member] of Object.entries(value)) {
    const known = fileSettings.find((each) => each === name)
    if (!known) throw new UsageError(`The settings file ${path} has "${name}", which is no setting; ${wanted}.`)
    if (typeof member !== 'string' && !(known === 'port' && typeof member === 'number')) {
      throw new UsageError(`"${name}" in the settings file ${path} must be a ${known === 'port' ? 'number' : 'text'}.`)
    }
    read[known] = String(member)
  }
  return read
}
