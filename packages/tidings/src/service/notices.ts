import type { Notice, Report } from '../consumer/index.ts'
import type { Environment } from '../environment/index.ts'

const quietMs = 60_000
const remembered = 1_000

/** Passes each notice on once a minute at most: what is tried again every second must not fill the log. */
export function withoutRepetition(report: Report, environment: Environment): Report {
  const lastAt = new Map<string, number>()
  return (notice) => {
    const now = environment.clock.monotonic()
    const before = lastAt.get(notice.message)
    if (before !== undefined && now - before < quietMs) return
    if (lastAt.size >= remembered) lastAt.clear()
    lastAt.set(notice.message, now)
    report(notice)
  }
}

/** One line of JSON for each warning and error on the error stream, so that nobody is left in the dark by default. */
export function printing(service: string): Report {
  return ({ level, message, error, details }: Notice) => {
    if (level === 'info') return
    const reason = error instanceof Error && error.message !== message ? { error: error.message } : {}
    // oxlint-disable-next-line no-console -- the one place that prints when nobody said where reports go
    console.error(JSON.stringify({ level, service, message, ...reason, ...details }))
  }
}
