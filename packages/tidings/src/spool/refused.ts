import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '../folder/index.ts'

/** One line of JSON for each event that was spooled and then refused, for people. */
export const refusedName = 'refused.jsonl'

export async function refusedBytes(folder: string): Promise<number> {
  return stat(join(folder, refusedName)).then(
    ({ size }) => size,
    () => 0,
  )
}

/** Writes a line, durably when it resolves, and answers its bytes. What an earlier life left in half gets a line of its own. */
export async function appendLine(folder: string, line: string): Promise<number> {
  const file = await open(join(folder, refusedName), 'a+')
  try {
    const { size } = await file.stat()
    const last = Buffer.alloc(1)
    if (size > 0) await file.read(last, 0, 1, size - 1)
    const text = size > 0 && last.toString() !== '\n' ? `\n${line}` : line
    await file.appendFile(text)
    await file.sync()
    if (size === 0) await syncFolder(folder)
    return Buffer.byteLength(text)
  } finally {
    await file.close()
  }
}
