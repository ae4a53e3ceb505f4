import { TidingsError } from '../errors.ts'
import type {
  Engine,
  LedgerChange,
  LedgerEntry,
  LedgerId,
  LedgerRange,
  LogRecord,
  Ownership,
  TopicId,
} from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import {
  crashedRange,
  exceptionRange,
  filterRange,
  heldKeyRange,
  initialState,
  readState,
  stateKey,
  unacknowledgedRange,
  unreadableRange,
  type ShardCommit,
  type Stored,
  type StoredState,
} from '../delivery/index.ts'

const logPageSize = 500
const pageSize = 1_000
const commitRetryMs = 500

export interface ShardLedgerOptions {
  readonly engine: Engine
  readonly environment: Environment
  readonly ownership: Ownership
  readonly subscription: string
  /** What is to be committed; `undefined` when there is nothing. */
  readonly take: () => ShardCommit | undefined
  readonly onCommitted: (commit: ShardCommit) => void
  /** Called when the ledger is out of reach or belongs to somebody else. */
  readonly onFailed: (error: Error) => void
}

/** The ledger of one shard of a subscription, as its owner uses it: one commit for everything that changed meanwhile. */
export class ShardLedger {
  readonly #options: ShardLedgerOptions
  #committing = false
  #waiters: { resolve: () => void; reject: (error: unknown) => void }[] = []
  /** Changes that the ledger refused for want of room, to be sent again with the next. */
  #unsaved: LedgerChange[] = []
  #stopped = false

  constructor(options: ShardLedgerOptions) {
    this.#options = options
  }

  /** Entries as last committed, in the order of their keys. */
  load(range: LedgerRange, limit: number): Promise<readonly LedgerEntry[]> {
    const { engine, ownership } = this.#options
    return engine.ledger.load(ownership.id, range, limit)
  }

  pages(range: LedgerRange): AsyncGenerator<readonly LedgerEntry[]> {
    return ledgerPages(this.#options.engine, this.#options.ownership.id, range)
  }

  /** Resolves once everything that changed until now is durable. Whatever changes meanwhile shares the next commit. */
  commit(): Promise<void> {
    if (this.#stopped) return Promise.reject(this.#stoppedError())
    const durable = new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }))
    if (!this.#committing) void this.#commitAll()
    return durable
  }

  async #commitAll(): Promise<void> {
    const { engine, environment, ownership, take, onCommitted, onFailed } = this.#options
    this.#committing = true
    while (this.#waiters.length > 0) {
      const waiters = this.#waiters
      this.#waiters = []
      const commit = take()
      if (commit) this.#unsaved.push(...commit.changes)
      try {
        if (this.#unsaved.length > 0) await engine.ledger.commit(ownership, latestOfEach(this.#unsaved))
        this.#unsaved = []
        if (commit) onCommitted(commit)
        for (const waiter of waiters) waiter.resolve()
      } catch (error) {
        for (const waiter of waiters) waiter.reject(error)
        if (!isFull(error)) onFailed(error as Error)
        else environment.timers.after(commitRetryMs, () => void this.commit().catch(() => undefined))
      }
    }
    this.#committing = false
  }

  stop(): void {
    this.#stopped = true
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#stoppedError())
  }

  #stoppedError(): TidingsError {
    return new TidingsError('stopped', `Subscription ${this.#options.subscription} was stopped.`)
  }
}

/** Whether there is no room on the disk: that may pass. */
export function isFull(error: unknown): boolean {
  return error instanceof TidingsError && error.code === 'store-full'
}

/** A later change of an entry replaces an earlier one that was not saved. */
function latestOfEach(changes: readonly LedgerChange[]): readonly LedgerChange[] {
  return [...new Map(changes.map((change) => [change.key, change])).values()]
}

/** What the last owner of a shard committed; for the first one, a beginning after `start`. */
export async function loadStored(
  { engine, topic, start }: { readonly engine: Engine; readonly topic: TopicId; readonly start: number },
  id: LedgerId,
): Promise<Stored> {
  const all = async (range: LedgerRange): Promise<LedgerEntry[]> => {
    const entries: LedgerEntry[] = []
    for await (const page of ledgerPages(engine, id, range)) entries.push(...page)
    return entries
  }
  const [entry] = await engine.ledger.load(id, { from: stateKey, to: `${stateKey}!` }, 1)
  const state = entry ? readState(entry.value) : initialState(start)
  return {
    state,
    exceptions: await all(exceptionRange),
    heldKeys: await all(heldKeyRange),
    crashed: await all(crashedRange),
    unreadable: await all(unreadableRange),
    unacknowledged: await all(unacknowledgedRange),
    filters: await all(filterRange),
    open: await loadOpen(engine, topic, state),
  }
}

async function* ledgerPages(engine: Engine, id: LedgerId, range: LedgerRange): AsyncGenerator<readonly LedgerEntry[]> {
  for (let { from } = range; ;) {
    const page = await engine.ledger.load(id, { ...range, ...(from === undefined ? {} : { from }) }, pageSize)
    if (page.length > 0) yield page
    if (page.length < pageSize) return
    from = `${page.at(-1)!.key}!`
  }
}

async function loadOpen(engine: Engine, topic: TopicId, state: StoredState): Promise<LogRecord[]> {
  const wanted = new Set(state.open)
  const records: LogRecord[] = []
  let after = (state.open[0] ?? 0) - 1
  while (wanted.size > 0) {
    const page = await engine.log.read(topic, { after, limit: logPageSize })
    records.push(...page.records.filter(({ offset }) => wanted.has(offset)))
    if (page.until === after || page.until >= state.through) break
    after = page.until
  }
  return records
}
