import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** An empty folder that goes with the work. Others may look into it: PostgreSQL runs as somebody else than root. */
export async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'tidings-bench-'))
  await chmod(folder, 0o755)
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
}

/** Bytes that a folder occupies on the disk, holes of sparse files left out. */
export async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = entries.map(async (entry) => {
    if (!entry.isFile()) return 0
    try {
      return (await stat(join(entry.parentPath, entry.name))).blocks * 512
    } catch {
      // It went while it was looked for.
      return 0
    }
  })
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
