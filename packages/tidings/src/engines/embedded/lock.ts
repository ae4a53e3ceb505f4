import { link, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TidingsError } from '../../errors.ts'
import type { Environment } from '../../environment/index.ts'

/** Who holds a folder. The process's start and the machine's boot tell it from a later process of the same number. */
interface Holder {
  readonly id: string
  readonly pid: number
  readonly startedAt: string | null
  readonly boot: string | null
}

const attempts = 5

/**
 * Takes the folder for one engine: a file `lock` that appears whole or not at all. One whose process is gone is taken
 * over; any other rejects as `store-locked`. The answered function lets go of it.
 */
export async function lockFolder(path: string, environment: Environment): Promise<() => Promise<void>> {
  const file = join(path, 'lock')
  const holder: Holder = { id: environment.ids.next(), pid: process.pid, ...(await traits(process.pid)) }
  const own = join(path, `lock.${holder.pid}.${crypto.randomUUID()}`)
  try {
    await writeWhole(own, JSON.stringify(holder))
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (await take(own, file)) return () => rm(file, { force: true })
      const other = await readHolder(file)
      if (other.holder && (await isAlive(other.holder))) throw locked(path, other.holder)
      await removeStale({ file, text: other.text, aside: `${own}.stale` })
    }
    throw locked(path, undefined)
  } finally {
    await rm(own, { force: true })
  }
}

async function writeWhole(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx')
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Gives the file its second name, unless that is taken. */
async function take(own: string, file: string): Promise<boolean> {
  try {
    await link(own, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function readHolder(file: string): Promise<{ text: string | undefined; holder: Holder | undefined }> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return { text, holder: undefined }
  try {
    return { text, holder: JSON.parse(text) as Holder }
  } catch {
    return { text, holder: undefined }
  }
}

/** Moves a stale lock aside; puts it back when it turns out to be that of somebody who was faster. */
async function removeStale({ file, text, aside }: { file: string; text: string | undefined; aside: string }): Promise<void> {
  try {
    await rename(file, aside)
  } catch {
    return
  }
  const moved = await readFile(aside, 'utf8').catch(() => undefined)
  if (moved !== text) await link(aside, file).catch(() => undefined)
  await rm(aside, { force: true })
}

async function isAlive({ pid, startedAt, boot }: Holder): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const present = await traits(pid)
  if (startedAt === null || present.startedAt === null) return true
  return startedAt === present.startedAt && boot === present.boot
}

/** Linux says when a process started, in ticks since the boot; elsewhere the process number has to do. */
async function traits(pid: number): Promise<{ startedAt: string | null; boot: string | null }> {
  try {
    const line = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name of the program, in parentheses, may hold anything; the start is the 20th field behind it.
    const startedAt = line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? null
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
    return { startedAt, boot }
  } catch {
    return { startedAt: null, boot: null }
  }
}

function locked(path: string, holder: Holder | undefined): TidingsError {
  const who = holder ? (holder.pid === process.pid ? `another engine of this process (${holder.pid})` : `process ${holder.pid}`) : 'somebody'
  return new TidingsError(
    'store-locked',
    `The store in ${path} is in use by ${who}; stop it, or choose another path.`,
    { details: { path, ...(holder && { pid: holder.pid }) } },
  )
}
