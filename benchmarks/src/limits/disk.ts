import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../house/folder.ts'

/** Appends of so many bytes a second, each made durable before the next. */
export function syncsPerSecond({ bytes, count }: { readonly bytes: number; readonly count: number }): Promise<number> {
  return inFolder(async (folder) => {
    const file = openSync(join(folder, 'limit'), 'w')
    const content = Buffer.alloc(bytes, 1)
    const start = performance.now()
    for (let written = 0; written < count; written++) {
      writeSync(file, content)
      fdatasyncSync(file)
    }
    const seconds = (performance.now() - start) / 1_000
    closeSync(file)
    return count / seconds
  })
}
