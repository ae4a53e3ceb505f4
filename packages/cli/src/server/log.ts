import type { ServerOptions } from '@tidings/server'
import type { Output, Terminal } from '../output.ts'

export type ServerLog = NonNullable<ServerOptions['logger']>

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
type Level = (typeof levels)[number]

/**
 * The server's log on stderr: lines for people at a terminal, JSON for whoever collects them. Only warnings and worse,
 * because that a server works is said by its metrics.
 */
export function serverLog(terminal: Terminal, output: Output): ServerLog {
  const write = terminal.stderr.isTTY && !output.json ? forPeople(output) : forPrograms(output)
  const at = (level: Level) => (first: unknown, second?: unknown) => {
    if (levels.indexOf(level) >= levels.indexOf('warn')) write(level, entryOf(first, second))
  }
  const log: ServerLog = {
    level: 'warn',
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    silent: () => undefined,
    child: () => log,
  }
  return log
}

interface Entry {
  readonly message: string
  readonly error?: Error
}

/** What is logged is a text, or an error or an object that holds one, followed by a text. */
function entryOf(first: unknown, second: unknown): Entry {
  if (typeof first === 'string') return { message: first }
  const held = typeof first === 'object' && first !== null && 'err' in first ? first.err : first
  const error = held instanceof Error ? held : undefined
  const message = typeof second === 'string' ? second : (error?.message ?? JSON.stringify(first))
  return { message, ...(error && { error }) }
}

type Write = (level: Level, entry: Entry) => void

function forPeople(output: Output): Write {
  return (level, { message, error }) => {
    const mark = output.style(level === 'warn' ? 'yellow' : 'red', `${level}:`, 'stderr')
    output.error(`${mark} ${error?.stack ?? message}`)
  }
}

function forPrograms(output: Output): Write {
  return (level, { message, error }) => {
    const stack = error?.stack === undefined ? {} : { stack: error.stack }
    output.error(JSON.stringify({ time: new Date().toISOString(), level, message, ...stack }))
  }
}
