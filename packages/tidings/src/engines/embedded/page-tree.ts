import { wordAt, type PageFile } from './page-file.ts'

/** What LMDB records of a tree. */
export interface TreeRecord {
  readonly flags: number
  readonly depth: number
  readonly branchPages: number
  readonly leafPages: number
  readonly overflowPages: number
  readonly entries: number
  readonly root: number
}

export interface PageTreeOptions {
  readonly record: TreeRecord
  /** One byte for each page of the file; shared by all trees. */
  readonly used: Uint8Array
  /** Keys are 64-bit numbers, and values are kept for whoever wants them. */
  readonly integerKeys: boolean
  readonly transaction: number
}

const pageHeaderBytes = 24
const nodeHeaderBytes = 8
const pageFlags = { branch: 0x01, leaf: 0x02, overflow: 0x04 } as const
const bigData = 0x01
const overflowReferenceBytes = 24
const noRoot = 2 ** 64
const longestKeyBytes = 1978

/** One node of a page: a key with its value, or with the page below it. */
interface Node {
  readonly start: number
  readonly end: number
  readonly flags: number
  readonly key: Buffer
  readonly dataBytes: number
  readonly child: number
}

/**
 * One tree of an LMDB file. Invariants, each checked: a page says its own number and kind and is reached once; its nodes
 * fill the space behind `upper` exactly and do not overlap; keys grow from left to right, within and across pages; the
 * counts of pages and entries are those on record.
 */
export class PageTree {
  /** The values of a tree with integer keys. */
  readonly values: Buffer[] = []
  readonly #file: PageFile
  readonly #options: PageTreeOptions
  #branchPages = 0
  #leafPages = 0
  #overflowPages = 0
  #entries = 0
  #lastKey: Buffer | undefined
  /** No key below it may follow. */
  #floor: Buffer | undefined

  constructor(file: PageFile, options: PageTreeOptions) {
    this.#file = file
    this.#options = options
  }

  check(): void {
    const { record } = this.#options
    if (record.root < noRoot) this.#page(record.root, record.depth)
    else if (record.depth !== 0) this.#file.fail('an empty tree has a depth')
    const found = [this.#branchPages, this.#leafPages, this.#overflowPages, this.#entries]
    const recorded = [record.branchPages, record.leafPages, record.overflowPages, record.entries]
    if (found.join() !== recorded.join()) {
      this.#file.fail(
        `a tree has ${found.join(', ')} branch pages, leaf pages, overflow pages and entries where ${recorded.join(', ')} are on record`,
      )
    }
  }

  /** `level` is 1 for leaves. */
  #page(page: number, level: number): void {
    if (level < 1 || level > 32) this.#file.fail(`page ${page} is at an impossible depth`)
    this.#use(page, 1)
    const bytes = this.#file.readPage(page)
    this.#checkHeader(bytes, page, level === 1 ? pageFlags.leaf : pageFlags.branch)
    const nodes = this.#nodes(bytes, page, level)
    if (level === 1) {
      this.#leafPages += 1
      for (const node of nodes) this.#entry(bytes, page, node)
    } else {
      this.#branchPages += 1
      nodes.forEach((node, index) => {
        // The first key of a branch page stands for "everything below the second".
        if (index > 0) {
          if (this.#lastKey && this.#compare(node.key, this.#lastKey) <= 0)
            this.#file.fail(`page ${page} separates keys wrongly`)
          this.#floor = node.key
        }
        this.#page(node.child, level - 1)
      })
    }
  }

  #checkHeader(bytes: Buffer, page: number, kind: number): void {
    if (wordAt(bytes, 0) !== page) this.#file.fail(`page ${page} says that it is page ${wordAt(bytes, 0)}`)
    if (wordAt(bytes, 8) > this.#options.transaction) this.#file.fail(`page ${page} is of a transaction to come`)
    if (bytes.readUInt16LE(18) !== kind) this.#file.fail(`page ${page} is of another kind than its place`)
  }

  #nodes(bytes: Buffer, page: number, level: number): Node[] {
    const lower = bytes.readUInt16LE(20)
    const upper = bytes.readUInt16LE(22)
    const count = lower >>> 1
    const space = bytes.length - pageHeaderBytes
    if (lower % 2 !== 0 || lower > upper || upper > space || count < (level === 1 ? 1 : 2)) {
      this.#file.fail(`page ${page} has impossible bounds`)
    }
    const nodes = Array.from({ length: count }, (_, index) => {
      const start = pageHeaderBytes + bytes.readUInt16LE(pageHeaderBytes + index * 2)
      return this.#node(bytes, page, { start, isLeaf: level === 1 })
    })
    let end = pageHeaderBytes + upper
    for (const node of nodes.toSorted((left, right) => left.start - right.start)) {
      if (node.start !== end) this.#file.fail(`page ${page} has nodes that overlap or leave gaps`)
      end = node.end
    }
    if (end !== bytes.length) this.#file.fail(`page ${page} has nodes that end early`)
    return nodes
  }

  #node(bytes: Buffer, page: number, { start, isLeaf }: { start: number; isLeaf: boolean }): Node {
    if (start + nodeHeaderBytes > bytes.length) this.#file.fail(`page ${page} has a node outside of it`)
    const low = bytes.readUInt16LE(start) + bytes.readUInt16LE(start + 2) * 65_536
    const flags = bytes.readUInt16LE(start + 4)
    const keyBytes = bytes.readUInt16LE(start + 6)
    if (isLeaf && flags > bigData) this.#file.fail(`page ${page} has a node of an unknown kind`)
    const dataBytes = isLeaf ? (flags === bigData ? overflowReferenceBytes : low) : 0
    const size = nodeHeaderBytes + keyBytes + dataBytes
    const end = start + size + (size % 2)
    if (end > bytes.length || keyBytes > longestKeyBytes) this.#file.fail(`page ${page} has a node that does not fit`)
    const key = bytes.subarray(start + nodeHeaderBytes, start + nodeHeaderBytes + keyBytes)
    if (isLeaf && (keyBytes === 0 || (this.#options.integerKeys && keyBytes !== 8)))
      this.#file.fail(`page ${page} has a key of impossible length`)
    return { start, end, flags, key, dataBytes: low, child: low + flags * 2 ** 32 }
  }

  #entry(bytes: Buffer, page: number, { start, flags, key, dataBytes }: Node): void {
    if (this.#lastKey && this.#compare(key, this.#lastKey) <= 0) this.#file.fail(`page ${page} has keys out of order`)
    if (this.#floor && this.#compare(key, this.#floor) < 0)
      this.#file.fail(`page ${page} has keys that belong elsewhere`)
    this.#lastKey = key
    this.#floor = undefined
    this.#entries += 1
    const place = start + nodeHeaderBytes + key.length
    const { integerKeys } = this.#options
    if (flags === bigData) {
      const first = this.#overflow(bytes, page, { place, dataBytes })
      if (integerKeys) this.values.push(this.#file.read(first * this.#file.pageBytes + pageHeaderBytes, dataBytes))
    } else if (integerKeys) this.values.push(bytes.subarray(place, place + dataBytes))
  }

  /** A value on pages of its own: answers the first of them. */
  #overflow(bytes: Buffer, page: number, { place, dataBytes }: { place: number; dataBytes: number }): number {
    const first = wordAt(bytes, place)
    const count = wordAt(bytes, place + 16)
    if (count * this.#file.pageBytes < pageHeaderBytes + dataBytes)
      this.#file.fail(`page ${page} has a value that does not fit its pages`)
    this.#use(first, count)
    const header = this.#file.readPage(first, pageHeaderBytes)
    this.#checkHeader(header, first, pageFlags.overflow)
    if (header.readUInt32LE(20) !== count) this.#file.fail(`page ${first} says that it has another number of pages`)
    this.#overflowPages += count
    return first
  }

  #use(first: number, count: number): void {
    const { used } = this.#options
    if (first < 2 || first + count > used.length) {
      this.#file.fail(
        `page ${first + count - 1} is missing: the file has ${used.length} pages; it was cut off, or it is damaged`,
      )
    }
    for (let page = first; page < first + count; page++) {
      if (used[page] !== 0) this.#file.fail(`page ${page} is used twice`)
      used[page] = 1
    }
  }

  #compare(left: Buffer, right: Buffer): number {
    if (!this.#options.integerKeys) return Buffer.compare(left, right)
    if (left.length !== 8 || right.length !== 8) return Buffer.compare(left, right)
    return wordAt(left, 0) - wordAt(right, 0)
  }
}
