import type { Lsn } from './lsn.ts'
import { decodeMessage } from './pgoutput.ts'

/** A transaction that wrote into one of the published tables. */
export interface SeenCommit {
  /** The last 32 bits of its number. */
  readonly xid: number
  /** The end of its commit in the log. */
  readonly end: Lsn
}

/**
 * Finds the commits among the messages of `pgoutput`. What stands in a row is not looked at. PostgreSQL 14 sends the
 * beginning and the end of transactions that have nothing published, too.
 */
export class CommitReader {
  #xid = 0
  #hasWritten = false

  /** The transaction that this message ends, where it is one that counts. */
  read(message: Buffer): SeenCommit | undefined {
    switch (String.fromCharCode(message[0] ?? 0)) {
      case 'B': {
        const begin = decodeMessage(message)
        this.#xid = begin?.kind === 'begin' ? begin.xid : 0
        this.#hasWritten = false
        return undefined
      }
      case 'I':
        this.#hasWritten = true
        return undefined
      case 'C': {
        const commit = decodeMessage(message)
        if (!this.#hasWritten || commit?.kind !== 'commit') return undefined
        return { xid: this.#xid, end: commit.end }
      }
      default:
        return undefined
    }
  }
}
