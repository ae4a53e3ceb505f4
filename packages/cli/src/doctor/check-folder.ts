import { randomUUID } from 'node:crypto'
import { access, constants, open, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { embeddedEngine } from 'tidings/engines/embedded'
import { TidingsError } from 'tidings'
import { failed, ok, skipped, warning, type Finding } from './finding.ts'

const gigabyte = 1e9
const freeFailedBytes = 0.1 * gigabyte
const freeWarnedBytes = gigabyte
const measureForMs = 500
const mostSyncs = 500
const syncedBytes = 4_096
const slowSyncsPerSecond = 50
/** No disk that keeps what it promises is faster. */
const incredibleSyncsPerSecond = 50_000
const memoryFileSystem = 0x01021994

/** The folder of the store: whether it can be written, has room, is durable, and who uses it. */
export async function checkFolder(data: string, serverRuns: boolean): Promise<readonly Finding[]> {
  const folder = resolve(data)
  const existing = await nearestExisting(folder)
  const writable = await checkWritable(folder, existing)
  if (writable.status === 'failed') return [writable]
  return [
    writable,
    await checkRoom(existing),
    await checkSync(existing),
    existing === folder ? await checkStore(folder, serverRuns) : skipped('store', 'There is no store yet.'),
  ]
}

/** The folder, or the one above it in which it would be made. */
async function nearestExisting(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined)
  return found || dirname(folder) === folder ? folder : nearestExisting(dirname(folder))
}

async function checkWritable(folder: string, existing: string): Promise<Finding> {
  const { isDirectory } = await stat(existing).then((found) => ({ isDirectory: found.isDirectory() }))
  if (!isDirectory) return failed('folder', `${existing} is no folder.`, 'Choose a folder with --data.')
  try {
    await access(existing, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    const user = process.getuid?.() ?? 'you'
    return failed(
      'folder',
      `${existing} cannot be written by this user (${user}).`,
      `Give it to the server's user, for example: chown ${user} ${existing}`,
    )
  }
  if (existing === folder) return ok('folder', `${folder} can be written.`)
  return ok('folder', `${folder} does not exist yet and can be made.`)
}

async function checkRoom(existing: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(existing)
  const free = bavail * bsize
  const message = `${(free / gigabyte).toLocaleString('en-US', { maximumFractionDigits: 1 })} GB are free for the store.`
  const fix = 'Make room, or choose a folder on a larger disk with --data: a full disk refuses publishers.'
  if (free < freeFailedBytes) return failed('disk', message, fix)
  return free < freeWarnedBytes ? warning('disk', message, fix) : ok('disk', message)
}

async function checkSync(existing: string): Promise<Finding> {
  const { type } = await statfs(existing)
  if (type === memoryFileSystem) {
    return warning(
      'sync',
      `${existing} is kept in memory: a reboot takes everything.`,
      'Choose a folder on a disk with --data.',
    )
  }
  let rate: number
  try {
    rate = await measureSyncs(existing)
  } catch (error) {
    return failed(
      'sync',
      `Writing durably to ${existing} fails: ${(error as Error).message}.`,
      'Look at the disk and its file system.',
    )
  }
  const message = `The disk commits ${Math.round(rate).toLocaleString('en-US')} times a second, one after another.`
  if (rate > incredibleSyncsPerSecond) {
    return warning(
      'sync',
      `${message} No disk is that fast: a power loss may take what was acknowledged.`,
      'Turn off whatever skips fsync (a mount option, a virtual disk, a library).',
    )
  }
  if (rate < slowSyncsPerSecond) {
    return warning(
      'sync',
      `${message} Publishers wait for that.`,
      'Choose a faster disk with --data; publish in batches.',
    )
  }
  return ok('sync', message)
}

async function measureSyncs(folder: string): Promise<number> {
  const path = join(folder, `.tidings-doctor-${randomUUID()}`)
  const file = await open(path, 'wx')
  try {
    const bytes = new Uint8Array(syncedBytes)
    const startedAt = performance.now()
    let syncs = 0
    while (syncs < mostSyncs && performance.now() - startedAt < measureForMs) {
      await file.write(bytes, 0, bytes.length, syncs * bytes.length)
      await file.datasync()
      syncs += 1
    }
    return (syncs * 1000) / (performance.now() - startedAt)
  } finally {
    await file.close()
    await rm(path, { force: true })
  }
}

/** Opens the store as a server would, which is what says whether one could start. */
async function checkStore(folder: string, serverRuns: boolean): Promise<Finding> {
  const marker = await stat(join(folder, 'tidings.json')).catch(() => undefined)
  if (!marker) return skipped('store', `There is no store in ${folder} yet.`)
  const engine = embeddedEngine({ path: folder, onFatal: () => undefined })
  try {
    await engine.start()
    const { bytes } = await engine.stats()
    return ok('store', `The store is whole and nobody uses it (${(bytes / 1e6).toFixed(1)} MB).`)
  } catch (error) {
    if (!(error instanceof TidingsError)) throw error
    if (error.code !== 'store-locked')
      return failed('store', error.message, 'Do what the message says; move nothing by hand.')
    const { pid } = error.details
    const holder = `The store is in use by ${typeof pid === 'number' ? `process ${pid}` : 'another process'}`
    if (serverRuns) return ok('store', `${holder}.`)
    return warning('store', `${holder}, but no server answers.`, 'Name its address with --url, or stop that process.')
  } finally {
    await engine.stop()
  }
}
