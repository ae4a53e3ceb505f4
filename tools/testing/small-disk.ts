import { execFile } from 'node:child_process'
import { mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { notRun } from './not-run.ts'

const run = promisify(execFile)

export interface SmallDisk {
  readonly path: string
  /** Makes room: six of its eight megabytes. */
  free(): Promise<void>
}

interface DiskTest {
  skip(note?: string): never
  onTestFinished(finish: () => Promise<void>): unknown
}

/** A file system of 8 MB for one test, most of it taken until the test frees it. Only root can have one. */
export async function smallDisk(test: DiskTest): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'tidings-disk-'))
  test.onTestFinished(() => rmdir(path))
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path])
  } catch {
    notRun(test, {
      part: 'tmpfs',
      reason: 'this user cannot mount a small file system',
      help: 'run the tests as root',
    })
  }
  // Hooks run in reverse: the mount ends before its folder is removed, also when a test that failed left a file open.
  test.onTestFinished(async () => void (await run('umount', ['--lazy', path])))
  const filler = join(path, 'filler')
  await writeFile(filler, Buffer.alloc(6_000_000))
  return { path, free: () => rm(filler) }
}
