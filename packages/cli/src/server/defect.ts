import type { ServerLog } from './log.ts'

/** A store that failed, or a defect: nothing can be promised any more, so the process ends and says why. */
export function endOnDefect(log: ServerLog): () => void {
  const end = (error: unknown): void => {
    log.fatal(error instanceof Error ? error : new Error(String(error)))
    process.exit(1)
  }
  process.once('uncaughtException', end)
  return () => process.removeListener('uncaughtException', end)
}
