import { mkdir, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Makes a folder, and those above it, durably. */
export async function makeFolder(path: string): Promise<void> {
  const topmost = await mkdir(path, { recursive: true })
  if (topmost === undefined) return
  // The name of each folder that was made stands in the one above it.
  for (let made = resolve(path); made.length >= resolve(topmost).length; made = dirname(made)) {
    await syncFolder(dirname(made))
  }
}

/** Makes new names durable; Windows has no such thing. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
