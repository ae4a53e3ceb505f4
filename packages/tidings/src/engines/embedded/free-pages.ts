import { wordAt, type PageFile } from './page-file.ts'

/**
 * Checks LMDB's lists of free pages: a page that is listed and used would be overwritten. A list is a count and so many
 * 64-bit numbers: 0 is an empty place, a positive one is a page, a negative one says how many pages begin at the next.
 */
export function checkFreePages(
  file: PageFile,
  { values, used, lastPage }: { values: readonly Buffer[]; used: Uint8Array; lastPage: number },
): void {
  let beyondEnd = 0
  for (const value of values) {
    const count = value.length >= 8 ? wordAt(value, 0) : 0
    if (value.length % 8 !== 0 || value.length < 8 || (count + 1) * 8 > value.length)
      file.fail('a list of free pages is cut off')
    for (let index = 1; index <= count; index++) {
      let length = 1
      const entry = signedAt(value, index)
      if (entry === 0) continue
      if (entry < 0) {
        length = -entry
        index += 1
        // A list that was split ends in the length of a block that begins the next one.
        if (index > count) break
      }
      const first = signedAt(value, index)
      if (first < 2 || length > lastPage || first + length - 1 > lastPage)
        file.fail(`page ${first} is listed as free and does not exist`)
      for (let page = first; page < first + length; page++) {
        if (page >= used.length) beyondEnd += 1
        else if (used[page] === 1) file.fail(`page ${page} is listed as free and in use`)
      }
    }
  }
  // Pages at the end that were never written are not in the file; all of them must be free.
  if (lastPage + 1 - used.length > beyondEnd)
    file.fail(`it should have ${lastPage + 1} pages and has ${used.length}: it was cut off`)
}

function signedAt(value: Buffer, index: number): number {
  return value.readUInt32LE(index * 8) + value.readInt32LE(index * 8 + 4) * 2 ** 32
}
