import type { InspectedCopy } from 'tidings/drift'
import type { CopyFile } from '../dev/copy-file.ts'
import { CommandError } from '../failure.ts'

export interface TracedCopies extends AsyncDisposable {
  readonly copies: readonly InspectedCopy[]
}

/** Opens the copies of a topic in these databases, to be looked into. */
export async function openTracedCopies(
  places: readonly string[],
  { topic, table = topic.replaceAll(/[.-]/g, '_') }: { readonly topic: string; readonly table?: string },
): Promise<TracedCopies> {
  const { inspectReplica } = await import('tidings/drift')
  const { openCopyDatabase } = await import('../verify/copy-database.ts')
  const opened: CopyFile[] = []
  const close = async (): Promise<void> => {
    for (const each of opened.splice(0)) await each[Symbol.asyncDispose]()
  }
  const copies: InspectedCopy[] = []
  try {
    for (const place of places) {
      const file = await openCopyDatabase(place)
      opened.push(file)
      const copy = await inspectReplica({ database: file.database, table })
      if (copy.topic !== topic) {
        const what = `The table ${table} is a copy of ${copy.topic}, not of ${topic}`
        throw new CommandError(`${what}; say with --copy-table which one is.`)
      }
      copies.push(copy)
    }
  } catch (error) {
    await close()
    throw error
  }
  return { copies, [Symbol.asyncDispose]: close }
}
