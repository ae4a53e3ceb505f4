import { open } from 'node:fs/promises'
import { systemEnvironment, type Environment } from '../../environment/index.ts'
import { readBackup, type BackupStream } from './backup-form.ts'
import { openError } from './failures.ts'
import { restoreFolder } from './folder.ts'
import { inspectFile } from './inspection.ts'
import { checkFormat } from './marker.ts'
import { Session } from './session.ts'

export interface RestoreOptions {
  /** What `Engine.backup` gave, in pieces of any length. */
  readonly backup: BackupStream
  /** A folder without a store; made where there is none. */
  readonly path: string
  readonly environment?: Environment
}

export interface RestoredStore {
  /** When the backup was taken: milliseconds since 1970. */
  readonly takenAt: number
  readonly bytes: number
  readonly topics: number
}

/**
 * Makes a store of a backup, durably. Every topic begins another life that says where the one before ended in this
 * backup: positions of before are unknown in it, because what came after the backup is not there. Ledgers get epochs
 * that no life before had, so that leases of before are void.
 *
 * Rejects with `store-corrupt` when the backup is not whole, `store-version` when it is of another version, and
 * `store-locked` when there is a store already or somebody is using the folder; nothing counts as a store then.
 */
export async function restoreStore({
  backup,
  path,
  environment = systemEnvironment,
}: RestoreOptions): Promise<RestoredStore> {
  try {
    const { header, data } = await readBackup(backup)
    checkFormat(header.format, 'The store in the backup')
    let topics = 0
    await restoreFolder(path, environment, async (dataFile) => {
      await writeDurably(dataFile, data)
      inspectFile(dataFile)
      topics = await beginAnotherLife(dataFile, environment)
    })
    return { takenAt: header.takenAt, bytes: header.bytes, topics }
  } catch (error) {
    throw openError(error, path)
  }
}

async function writeDurably(path: string, data: BackupStream): Promise<void> {
  const file = await open(path, 'wx')
  try {
    for await (const piece of data) await file.writeFile(piece)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function beginAnotherLife(file: string, environment: Environment): Promise<number> {
  const failed: { error?: Error } = {}
  const session = await Session.open({
    file,
    environment,
    deduplication: { maxIds: 0, maxAgeMs: 0 },
    onFatal: (error) => (failed.error = error),
    onGrown: () => undefined,
  })
  try {
    await session.beginAnotherLife()
    return session.topics.size
  } finally {
    await session.close()
  }
}
