import type { Ledger, LedgerChange, LedgerId, Ownership } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'

/** Stays when the ledger is removed, so that epochs grow for ever. */
export interface MemoryLedger {
  epoch: number
  address: string | undefined
  /** `undefined` while the ledger does not exist. */
  entries: Map<string, string> | undefined
  /** The keys of `entries` in order; `undefined` after they changed. */
  sorted: readonly string[] | undefined
}

/** By namespace, name and shard, parted by slashes. */
export type MemoryLedgers = Map<string, MemoryLedger>

/** The ledger in memory. Each call runs in one piece, which makes it atomic. */
export function memoryLedger({
  ledgers,
  ensureRunning,
}: {
  readonly ledgers: MemoryLedgers
  readonly ensureRunning: () => void
}): Ledger {
  const find = ({ namespace, ledger, shard }: LedgerId): MemoryLedger | undefined => {
    ensureRunning()
    return ledgers.get(`${namespace}/${ledger}/${shard}`)
  }
  const own = (id: LedgerId, address: string | undefined): Ownership => {
    const stored = find(id) ?? { epoch: 0, address, entries: undefined, sorted: undefined }
    ledgers.set(`${id.namespace}/${id.ledger}/${id.shard}`, stored)
    stored.epoch += 1
    stored.address = address
    stored.entries ??= new Map()
    return { id, epoch: stored.epoch }
  }
  const commit = ({ id, epoch }: Ownership, changes: readonly LedgerChange[]): void => {
    const stored = find(id)
    if (!stored?.entries || stored.epoch !== epoch) {
      throw new TidingsError(
        'ownership-lost',
        `Epoch ${epoch} of ledger ${id.ledger}, shard ${id.shard}, was replaced by epoch ${stored?.epoch ?? 0}; own it again before going on.`,
        { details: { ...id, epoch } },
      )
    }
    for (const { key, value } of changes) {
      if (value === null ? stored.entries.has(key) : !stored.entries.has(key)) stored.sorted = undefined
      if (value === null) stored.entries.delete(key)
      else stored.entries.set(key, value)
    }
  }

  return {
    own: async (id, options) => own(id, options?.address),
    async owner(id) {
      const stored = find(id)
      if (!stored?.entries) return undefined
      return { epoch: stored.epoch, ...(stored.address !== undefined && { address: stored.address }) }
    },
    async load(id, { from, to }, limit) {
      const stored = find(id)
      if (!stored?.entries) return []
      const entries = stored.entries
      const sorted = (stored.sorted ??= [...entries.keys()].sort())
      const inRange = sorted.filter((key) => (from === undefined || key >= from) && (to === undefined || key < to))
      return inRange.slice(0, limit).map((key) => ({ key, value: entries.get(key)! }))
    },
    commit: async (ownership, changes) => commit(ownership, changes),
    async remove(id) {
      const stored = find(id)
      if (!stored) return
      stored.entries = undefined
      stored.sorted = undefined
      stored.address = undefined
    },
  }
}
