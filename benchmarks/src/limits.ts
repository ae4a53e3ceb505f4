import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { encodeEvent } from 'tidings/event'
import { closedLoop, eventOf, type PublishRun } from './publish.ts'
import type { Rate } from './report.ts'

/** L1: how often a second this disk takes an append of so many bytes and says that it has it. */
export async function syncRate({ bytes, count }: { bytes: number; count: number }): Promise<Rate> {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-bench-'))
  const file = openSync(join(folder, 'limit'), 'w')
  const content = Buffer.alloc(bytes, 1)
  const start = performance.now()
  for (let written = 0; written < count; written++) {
    writeSync(file, content)
    fdatasyncSync(file)
  }
  const seconds = (performance.now() - start) / 1_000
  closeSync(file)
  rmSync(folder, { recursive: true })
  return { perSecond: count / seconds }
}

/** L3: what one thread can do at most for each message without input and output: encode, checksum, resolve a promise. */
export function codecRate(run: PublishRun): Promise<Rate> {
  return closedLoop(run, (number) => {
    const checksum = crc32(encodeEvent(eventOf(number, run.payloadBytes)))
    return new Promise((resolve) => resolve(checksum))
  })
}
