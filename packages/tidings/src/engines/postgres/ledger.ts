import type {
  Ledger,
  LedgerChange,
  LedgerEntry,
  LedgerId,
  LedgerOwner,
  LedgerRange,
  Ownership,
} from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { ledgerLocks } from './fence.ts'
import type { OpenStore } from './open-store.ts'
import { seal, unseal } from './sealed.ts'
import type { Session } from './session.ts'

/** The ledger in one schema: a row for each, which says who owns it, and a row for each entry. */
export function postgresLedger({ store }: { store: () => OpenStore }): Ledger {
  /** Runs a call that `stop` waits for. */
  const call = async <Result>(work: (ledgers: Ledgers) => Promise<Result>): Promise<Result> => {
    const { session, ledgers } = store()
    return session.track(work(ledgers))
  }
  return {
    own: (id, options) => call((ledgers) => ledgers.own(id, options?.address)),
    owner: (id) => call((ledgers) => ledgers.owner(id)),
    load: (id, range, limit) => call((ledgers) => ledgers.load(id, range, limit)),
    commit: (ownership, changes) => call((ledgers) => ledgers.commit(ownership, changes)),
    remove: (id) => call((ledgers) => ledgers.remove(id)),
  }
}

const byName = 'namespace = $1 and ledger = $2 and shard = $3'

/** Before it resolves, everything that is written under the ownership before has been committed or never will be. */
const owning = `
  with owned as (
    insert into {ledger} as l (namespace, ledger, shard, epoch, address)
    select $1, $2, $3::integer, 1, $4 where {fenced}
    on conflict (namespace, ledger, shard) do update
      set epoch = l.epoch + 1, address = excluded.address, removed = false
    returning number, epoch
  )
  select epoch, pg_advisory_xact_lock(${ledgerLocks} + number) from owned`

const loading = `
  select e.key, e.value from {ledger} l join {entry} e on e.ledger = l.number
  where l.namespace = $1 and l.ledger = $2 and l.shard = $3 and not l.removed
    and ($4::text is null or e.key >= $4 collate "C") and ($5::text is null or e.key < $5 collate "C")
  order by e.key limit $6`

/**
 * Locks the ledger's row on condition of the epoch, and changes entries only if it did. Its removals see the entries as
 * of its beginning, before it waited for that lock: so no two commits of one ownership may be under way at once.
 */
const committing = `
  with owned as (
    select number from {ledger} where ${byName} and epoch = $4 and not removed and {fenced} for update
  ), taken as (
    delete from {entry} using owned where entry.ledger = owned.number and key = any($5::text[])
  ), put as (
    insert into {entry} (ledger, key, value)
    select number, key, value from owned, unnest($6::text[], $7::bytea[]) as p (key, value)
    on conflict (ledger, key) do update set value = excluded.value
  )
  select number from owned`

/** The ledgers of a store, as this server reaches them. */
export class Ledgers {
  readonly #session: Session
  /** The last commit of each ledger that is under way. */
  readonly #commits = new Map<string, Promise<unknown>>()

  constructor(session: Session) {
    this.#session = session
  }

  async own(id: LedgerId, address: string | undefined): Promise<Ownership> {
    const values = [...valuesOf(id), address ?? null]
    const [row] = await this.#session.query<{ epoch: number }>(`owning ledger ${id.ledger}`, owning, values)
    return { id, epoch: row!.epoch }
  }

  async owner(id: LedgerId): Promise<LedgerOwner | undefined> {
    const [row] = await this.#session.query<{ epoch: number; address: string | null }>(
      `looking for the owner of ledger ${id.ledger}`,
      `select epoch, address from {ledger} where ${byName} and not removed`,
      valuesOf(id),
    )
    return row && { epoch: row.epoch, ...(row.address !== null && { address: row.address }) }
  }

  async load(id: LedgerId, { from, to }: LedgerRange, limit: number): Promise<readonly LedgerEntry[]> {
    const rows = await this.#session.query<{ key: string; value: Uint8Array }>(`loading ledger ${id.ledger}`, loading, [
      ...valuesOf(id),
      from ?? null,
      to ?? null,
      limit,
    ])
    return rows.map(({ key, value }) => ({ key, value: unsealEntry(id, key, value) }))
  }

  /** The commits of one ledger are made one after the other, in the order asked for. */
  commit(ownership: Ownership, changes: readonly LedgerChange[]): Promise<void> {
    const name = JSON.stringify(valuesOf(ownership.id))
    const before = this.#commits.get(name) ?? Promise.resolve()
    const commit = before.then(
      () => this.#commit(ownership, changes),
      // One whose result is unknown may go on in the server: it holds the lock until it ends.
      () => this.#settled(ownership.id).then(() => this.#commit(ownership, changes)),
    )
    this.#commits.set(name, commit)
    const forget = (): void => {
      if (this.#commits.get(name) === commit) this.#commits.delete(name)
    }
    commit.then(forget, () => undefined)
    return commit
  }

  async #commit({ id, epoch }: Ownership, changes: readonly LedgerChange[]): Promise<void> {
    const last = new Map(changes.map(({ key, value }) => [key, value]))
    const put = [...last].flatMap(([key, value]) => (value === null ? [] : [{ key, value: sealEntry(id, key, value) }]))
    const taken = [...last].flatMap(([key, value]) => (value === null ? [key] : []))
    const values = [...valuesOf(id), epoch, taken, put.map(({ key }) => key), put.map(({ value }) => value)]
    const owned = await this.#session.query(`committing to ledger ${id.ledger}`, committing, values)
    if (owned.length > 0) return
    const owner = await this.owner(id)
    throw new TidingsError(
      'ownership-lost',
      `Epoch ${epoch} of ledger ${id.ledger}, shard ${id.shard}, was replaced by epoch ${owner?.epoch ?? 0}; own it again before going on.`,
      { details: { ...id, epoch } },
    )
  }

  /** Resolves once nobody holds the ledger's lock. */
  async #settled(id: LedgerId): Promise<void> {
    const locking = `select number from {ledger} where ${byName} for update`
    await this.#session.query(`waiting for a commit to ledger ${id.ledger}`, locking, valuesOf(id))
  }

  /** The row stays, so that epochs grow for ever. */
  async remove(id: LedgerId): Promise<void> {
    const removing = `update {ledger} set removed = true, address = null where ${byName} returning number`
    await this.#session.transaction(`removing ledger ${id.ledger}`, async (run) => {
      const [row] = await run<{ number: number }>(removing, valuesOf(id))
      if (row) await run('delete from {entry} where ledger = $1', [row.number])
    })
  }
}

function valuesOf({ namespace, ledger, shard }: LedgerId): [string, string, number] {
  return [namespace, ledger, shard]
}

export function sealEntry(id: LedgerId, key: string, value: string): Buffer {
  return seal(placeOf(id, key), Buffer.from(value, 'utf8'))
}

export function unsealEntry(id: LedgerId, key: string, value: Uint8Array): string {
  const bytes = unseal(placeOf(id, key), value)
  if (bytes) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
  throw new TidingsError(
    'store-corrupt',
    `Entry ${key} of ledger ${id.ledger}, shard ${id.shard}, is damaged in the store; restore the store from a backup.`,
    { details: { ...id, key } },
  )
}

function placeOf(id: LedgerId, key: string): Uint8Array {
  return Buffer.from(JSON.stringify([...valuesOf(id), key]))
}
