import type { Engine, LedgerChange, LedgerId, Ownership } from '../engine/index.ts'

export type LedgerListener = (id: LedgerId, changes: readonly LedgerChange[]) => void

/** An engine that tells what is about to be committed to its ledgers: whoever reads a ledger in parts misses no move. */
export class LedgerWatch {
  readonly engine: Engine
  readonly #listeners = new Set<LedgerListener>()

  constructor(engine: Engine) {
    const { ledger } = engine
    const watched = {
      own: ledger.own.bind(ledger),
      owner: ledger.owner.bind(ledger),
      load: ledger.load.bind(ledger),
      remove: ledger.remove.bind(ledger),
      commit: (ownership: Ownership, changes: readonly LedgerChange[]) => {
        for (const listener of this.#listeners) listener(ownership.id, changes)
        return ledger.commit(ownership, changes)
      },
    }
    this.engine = new Proxy(engine, {
      get(target, name) {
        if (name === 'ledger') return watched
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

  /** The returned function ends it. */
  watch(listener: LedgerListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
