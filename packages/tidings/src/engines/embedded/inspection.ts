import { closeSync, openSync } from 'node:fs'
import { checkFreePages } from './free-pages.ts'
import { damaged, PageFile, wordAt } from './page-file.ts'
import { PageTree, type TreeRecord } from './page-tree.ts'

/**
 * Checks that a file is a whole LMDB file before LMDB maps it into memory, where a file that was cut off or changed
 * would end the process instead of answering an error: both meta pages, every page of both trees, and that no page is
 * used twice or both used and free. Payloads are not read; their records have checksums of their own.
 *
 * The form is that of LMDB 0.9.90 (libraries/liblmdb/mdb.c), data version 2, little-endian with 64-bit numbers.
 */
export function inspectFile(file: string): void {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (cause) {
    throw damaged(file, `it cannot be opened (${cause instanceof Error ? cause.message : String(cause)})`, cause)
  }
  try {
    inspect(new PageFile(file, descriptor))
  } finally {
    closeSync(descriptor)
  }
}

const magic = 0xbeefc0de
const dataVersion = 2
const metaFlag = 0x08
/** A meta page is written in turn by even and odd transactions; its fields stand behind the page header. */
const metaBytes = 168

interface Meta {
  readonly pageBytes: number
  readonly mapBytes: number
  readonly free: TreeRecord
  readonly main: TreeRecord
  readonly lastPage: number
  readonly transaction: number
}

function inspect(file: PageFile): void {
  if (file.size === 0) file.fail('it is empty')
  const first = readMeta(file, 0)
  file.pageBytes = first.pageBytes
  const second = readMeta(file, 1)
  if (first.pageBytes !== second.pageBytes) file.fail('its meta pages disagree about the size of pages')
  if (Math.abs(first.transaction - second.transaction) > 1)
    file.fail('its meta pages are not of successive transactions')
  const newest = first.transaction >= second.transaction ? first : second
  const used = new Uint8Array(file.pages)
  const free = new PageTree(file, { record: newest.free, used, integerKeys: true, transaction: newest.transaction })
  const main = new PageTree(file, { record: newest.main, used, integerKeys: false, transaction: newest.transaction })
  free.check()
  main.check()
  checkFreePages(file, { values: free.values, used, lastPage: newest.lastPage })
}

function readMeta(file: PageFile, page: 0 | 1): Meta {
  const bytes = file.readPage(page, metaBytes)
  const name = `meta page ${page}`
  if (bytes.readUInt32LE(24) !== magic) file.fail(`${name} does not begin as one of LMDB`)
  if (bytes.readUInt32LE(28) !== dataVersion) file.fail(`${name} has LMDB's data version ${bytes.readUInt32LE(28)}`)
  if (bytes.readUInt16LE(18) !== metaFlag) file.fail(`${name} is marked as another kind of page`)
  const meta: Meta = {
    pageBytes: bytes.readUInt32LE(48),
    mapBytes: wordAt(bytes, 40),
    free: treeRecordAt(bytes, 48),
    main: treeRecordAt(bytes, 96),
    lastPage: wordAt(bytes, 144),
    transaction: wordAt(bytes, 152),
  }
  const { pageBytes, transaction, mapBytes } = meta
  if (pageBytes < 512 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0)
    file.fail(`${name} says pages of ${pageBytes} bytes`)
  if (transaction !== 0 && transaction % 2 !== page) file.fail(`${name} is of transaction ${transaction}`)
  if (wordAt(bytes, 32) !== 0 || mapBytes > 2 ** 46) file.fail(`${name} asks for an impossible map`)
  return meta
}

function treeRecordAt(bytes: Buffer, place: number): TreeRecord {
  return {
    flags: bytes.readUInt16LE(place + 4),
    depth: bytes.readUInt16LE(place + 6),
    branchPages: wordAt(bytes, place + 8),
    leafPages: wordAt(bytes, place + 16),
    overflowPages: wordAt(bytes, place + 24),
    entries: wordAt(bytes, place + 32),
    root: wordAt(bytes, place + 40),
  }
}
