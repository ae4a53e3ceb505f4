import { open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TidingsError } from '../errors.ts'
import { sleep, type Environment } from '../environment/index.ts'

/** Who holds a folder. The process's start and the machine's boot tell it from a later process of the same number. */
interface Holder {
  readonly id: string
  readonly pid: number
  readonly startedAt: string | null
  readonly boot: string | null
  /** `false` while it still looks whether there is another. */
  readonly settled: boolean
}

/** How often a candidate looks again, while another one that began at the same time makes up its mind. */
const looks = 200
const lookAgainMs = 10

/** What a folder holds and who uses it, in the words of messages. */
export interface FolderUse {
  readonly what: string
  readonly user: string
}

/**
 * Takes the folder for one user, or rejects as `store-locked`. The answered function lets go of it.
 *
 * Each candidate writes a file `lock.<id>` of its own and only then looks for others: of two at once, at least one sees
 * the other. It settles when it sees nobody alive. It gives way to one that has settled, and among candidates to the
 * smaller id. Files of dead processes are removed; as no name is used twice, that never hits somebody else.
 */
export async function lockFolder(path: string, environment: Environment, use: FolderUse): Promise<() => Promise<void>> {
  // Not an id of the environment: two of one seed must not have the same name.
  const id = crypto.randomUUID()
  const holder: Holder = { id, pid: process.pid, ...(await traits(process.pid)), settled: false }
  const release = (): Promise<void> => rm(join(path, nameOf(id)), { force: true })
  await write(path, holder)
  try {
    for (let look = 0; look < looks; look++) {
      const others = await livingOthers(path, id)
      if (others.length === 0) {
        await write(path, { ...holder, settled: true })
        return release
      }
      const stronger = others.find((other) => other.settled || other.id < id)
      if (stronger) throw locked(path, stronger, use)
      await sleep(environment, lookAgainMs)
    }
    throw locked(path, undefined, use)
  } catch (error) {
    await release()
    throw error
  }
}

function nameOf(id: string): string {
  return `lock.${id}`
}

/** Appears whole or not at all. */
async function write(path: string, holder: Holder): Promise<void> {
  const temporary = join(path, `new-lock.${holder.id}`)
  const handle = await open(temporary, 'w')
  try {
    await handle.writeFile(JSON.stringify(holder))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, join(path, nameOf(holder.id)))
}

async function livingOthers(path: string, id: string): Promise<Holder[]> {
  const living: Holder[] = []
  for (const name of await readdir(path)) {
    if (!name.startsWith('lock.') || name === nameOf(id)) continue
    const holder = await read(join(path, name))
    if (holder && (await isAlive(holder))) living.push(holder)
    else await rm(join(path, name), { force: true })
  }
  return living
}

async function read(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

async function isAlive({ pid, startedAt, boot }: Holder): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // Anything but "no such process" means that there is one.
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

function locked(path: string, holder: Holder | undefined, { what, user }: FolderUse): TidingsError {
  const someProcess = holder ? `process ${holder.pid}` : 'somebody'
  const who = holder?.pid === process.pid ? `another ${user} of this process (${holder.pid})` : someProcess
  return new TidingsError(
    'store-locked',
    `The ${what} in ${path} is in use by ${who}; stop it, or choose another path.`,
    {
      details: { path, ...(holder && { pid: holder.pid }) },
    },
  )
}
