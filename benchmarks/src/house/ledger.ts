/** What became of everything that was sent. */
export interface Account {
  /** Acknowledged to its producer, and never seen. */
  readonly lost: number
  /** Seen once more. */
  readonly duplicated: number
  /** Seen for the first time after a later one of the same producer. */
  readonly reordered: number
  /** Seen for the first time. */
  readonly seen: number
}

/** A bitmap for each producer of what was acknowledged and of what was seen. Both count from 0. */
export interface Ledger {
  acknowledged(producer: number, number: number): void
  saw(producer: number, number: number): void
  account(): Account
}

export function ledger({ producers, messages }: { readonly producers: number; readonly messages: number }): Ledger {
  const all = Array.from({ length: producers }, () => ({
    acknowledged: new Uint8Array(Math.ceil(messages / 8)),
    seen: new Uint8Array(Math.ceil(messages / 8)),
    last: -1,
  }))
  const of = (producer: number, number: number): (typeof all)[number] => {
    const found = all[producer]
    if (found === undefined || !(number >= 0 && number < messages)) {
      throw new Error(`Message ${number} of producer ${producer} was never sent: the system made it up.`)
    }
    return found
  }
  let duplicated = 0
  let reordered = 0
  let seen = 0
  return {
    acknowledged: (producer, number) => void mark(of(producer, number).acknowledged, number),
    saw(producer, number) {
      const found = of(producer, number)
      if (!mark(found.seen, number)) {
        duplicated++
        return
      }
      seen++
      if (number < found.last) reordered++
      else found.last = number
    },
    account: () => ({
      lost: all.reduce((sum, { acknowledged, seen }) => sum + missing(acknowledged, seen), 0),
      duplicated,
      reordered,
      seen,
    }),
  }
}

/** Throws where something was lost: such a run has no speed. */
export function mustBeComplete({ account }: Ledger): Account {
  const found = account()
  if (found.lost > 0) throw new Error(`lost ${found.lost.toLocaleString('en')} acknowledged messages`)
  return found
}

/** Whether it was not set before. */
function mark(bits: Uint8Array, number: number): boolean {
  const bit = 1 << (number & 7)
  const isNew = (bits[number >> 3]! & bit) === 0
  bits[number >> 3]! |= bit
  return isNew
}

function missing(wanted: Uint8Array, there: Uint8Array): number {
  let count = 0
  for (let index = 0; index < wanted.length; index++) {
    for (let bits = wanted[index]! & ~there[index]!; bits !== 0; bits &= bits - 1) count++
  }
  return count
}
