import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** How many times a second this disk makes 4 kB durable, one after another: the limit of a commit at a time. */
export function measureCommitRate(directory: string, durationMs = 500): number {
  const path = join(directory, 'commit-rate.probe')
  const file = openSync(path, 'w')
  const block = Buffer.alloc(4096, 1)
  try {
    for (let place = 0; place < 256; place += 1) writeSync(file, block, 0, block.length, place * block.length)
    fdatasyncSync(file)
    const start = performance.now()
    let count = 0
    while (performance.now() - start < durationMs) {
      writeSync(file, block, 0, block.length, (count % 256) * block.length)
      fdatasyncSync(file)
      count += 1
    }
    return Math.round((count * 1000) / (performance.now() - start))
  } finally {
    closeSync(file)
    rmSync(path)
  }
}
