import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TidingsError } from 'tidings'
import type { BackupStream } from 'tidings/engines/embedded'
import type { TidingsCommand } from '../command.ts'
import { CommandError } from '../failure.ts'
import type { Session } from '../session.ts'

export function addBackup(program: TidingsCommand): void {
  program
    .command('backup')
    .description('Takes a backup: one consistent cut of everything that a server has, while it works.')
    .example('tidings backup /backups', 'a new file in that folder')
    .example('tidings backup tidings.backup --url http://events.example:7070', 'of a server elsewhere, to this file')
    .example('tidings backup tidings.backup --data /var/lib/tidings', 'of a store whose server does not run')
    .argument('<file or folder>')
    .option('--data <folder>', 'the folder of a store that no server uses')
    .runs<[target: string], { data?: string }>(async (session, [target], { data }) => {
      const file = await fileFor(target)
      const bytes = await (data === undefined ? take(session, file) : takeStopped(session, data, file))
      await session.output.show({ file, bytes }, () => `${file} (${(bytes / 1e6).toFixed(1)} MB)`)
    })
}

/** A new name in a folder; a file that is there is never replaced. */
async function fileFor(target: string): Promise<string> {
  const found = await stat(target).catch(() => undefined)
  if (found?.isDirectory()) return join(target, `tidings-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.backup`)
  if (found) throw new CommandError(`${target} is there already and is not replaced; name another file, or a folder.`)
  return target
}

async function take(session: Session, file: string): Promise<number> {
  const { body } = await session.request('/backup')
  return await write(session, body as unknown as BackupStream, file)
}

async function takeStopped(session: Session, data: string, file: string): Promise<number> {
  await stat(join(data, 'tidings.json')).catch((cause: unknown) => {
    throw new CommandError(`There is no store in ${data}.`, { cause })
  })
  const { embeddedEngine } = await import('tidings/engines/embedded')
  const engine = embeddedEngine({ path: data, onFatal: () => undefined })
  await engine.start()
  try {
    return await write(session, engine.backup!(), file)
  } finally {
    await engine.stop()
  }
}

/** Has its name only when it is whole and on the disk. */
async function write(session: Session, backup: BackupStream, file: string): Promise<number> {
  const { checkBackup } = await import('tidings/engines/embedded')
  const unfinished = `${file}.unfinished`
  const handle = await open(unfinished, 'w')
  let bytes = 0
  try {
    for await (const piece of checkBackup(whole(backup))) {
      await handle.writeFile(piece)
      bytes += piece.length
      session.output.progress(`${(bytes / 1e6).toFixed(1)} MB`)
    }
    await handle.sync()
    await handle.close()
    await rename(unfinished, file)
  } catch (error) {
    await handle.close().catch(() => undefined)
    await rm(unfinished, { force: true })
    throw error
  }
  await syncFolder(dirname(file))
  return bytes
}

/** Makes the new name durable; Windows has no such thing. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** A connection that breaks is no more than a backup that was cut short. */
async function* whole(backup: BackupStream): AsyncGenerator<Uint8Array> {
  try {
    yield* backup
  } catch (cause) {
    if (cause instanceof TidingsError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TidingsError('unavailable', `The backup was cut short (${reason}); take another one.`, { cause })
  }
}
