import { fstatSync, readSync } from 'node:fs'
import { TidingsError } from '../../errors.ts'

/** Reads pages of a file and says what is wrong with it. */
export class PageFile {
  readonly size: number
  pageBytes = 4096
  readonly #file: string
  readonly #descriptor: number

  constructor(file: string, descriptor: number) {
    this.#file = file
    this.#descriptor = descriptor
    this.size = fstatSync(descriptor).size
  }

  /** How many whole pages it has. */
  get pages(): number {
    return Math.floor(this.size / this.pageBytes)
  }

  read(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    const count = readSync(this.#descriptor, bytes, 0, length, position)
    if (count < length) this.fail(`it ends at byte ${this.size}, in the middle of what should be read at ${position}`)
    return bytes
  }

  readPage(page: number, length = this.pageBytes): Buffer {
    return this.read(page * this.pageBytes, length)
  }

  fail(reason: string): never {
    throw damaged(this.#file, reason)
  }
}

/** A 64-bit number; those that matter here fit into 53 bits. */
export function wordAt(bytes: Buffer, place: number): number {
  return bytes.readUInt32LE(place) + bytes.readUInt32LE(place + 4) * 2 ** 32
}

export function damaged(file: string, reason: string, cause?: unknown): TidingsError {
  return new TidingsError(
    'store-corrupt',
    `The store file ${file} is damaged: ${reason}. Restore the folder from a backup; nothing in it was changed.`,
    {
      details: { file },
      cause,
    },
  )
}
