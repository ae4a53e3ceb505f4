import type { Ledger, LedgerChange, LedgerEntry, LedgerId, LedgerRange, Ownership } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { ledgerKey, namedKey, nameOfKey, rangeOfNumber } from './keys.ts'
import { seal, sealNamed, unseal } from './sealed.ts'
import type { LedgerRecord, Session } from './session.ts'
import type { Group } from './writer.ts'

/**
 * The ledger in one store. Ownership is decided in memory, which is right because one process owns the store, in the
 * order of the calls; the changes of all ledgers share the group commits of the log.
 */
export function embeddedLedger({ session }: { session: () => Session }): Ledger {
  return {
    own: async (id, options) => own(session(), id, options?.address),
    async owner(id) {
      const record = session().ledgers.get(nameOf(id))
      if (record?.number === undefined) return undefined
      return { epoch: record.epoch, ...(record.address !== undefined && { address: record.address }) }
    },
    load: async (id, range, limit) => load(session(), { id, range, limit }),
    commit: async (ownership, changes) => commit(session(), ownership, changes),
    remove: async (id) => remove(session(), id),
  }
}

function own(session: Session, id: LedgerId, address: string | undefined): Promise<Ownership> {
  const known = session.ledgers.get(nameOf(id))
  const group = session.writer.group()
  const record: LedgerRecord = {
    number: known?.number ?? session.nextNumber(),
    epoch: (known?.epoch ?? 0) + 1,
    ...(address !== undefined && { address }),
  }
  replace(session, { id, record, group })
  return group.durable({ id, epoch: record.epoch })
}

function commit(session: Session, { id, epoch }: Ownership, changes: readonly LedgerChange[]): Promise<void> {
  const record = session.ledgers.get(nameOf(id))
  if (record?.number === undefined || record.epoch !== epoch) {
    throw new TidingsError(
      'ownership-lost',
      `Epoch ${epoch} of ledger ${id.ledger}, shard ${id.shard}, was replaced by epoch ${record?.epoch ?? 0}; own it again before going on.`,
      { details: { ...id, epoch } },
    )
  }
  const group = session.writer.group()
  for (const { key, value } of changes) {
    if (value === null) group.put({ key: namedKey('entry', record.number, key), value: undefined })
    else group.put(sealNamed('entry', record.number, { name: key, text: value }))
  }
  return group.durable(undefined)
}

function remove(session: Session, id: LedgerId): Promise<void> {
  const group = session.writer.group()
  const known = session.ledgers.get(nameOf(id))
  if (known?.number !== undefined) {
    replace(session, { id, record: { epoch: known.epoch }, group })
    session.discard(known.number, group)
  }
  return group.durable(undefined)
}

/** Puts another record in a ledger's place, in memory at once. */
function replace(session: Session, { id, record, group }: { id: LedgerId; record: LedgerRecord; group: Group }): void {
  const name = nameOf(id)
  const before = session.ledgers.get(name)
  session.ledgers.set(name, record)
  group.put(seal(ledgerKey(name), JSON.stringify(record)))
  group.join({
    seal() {},
    committed() {},
    rolledBack() {
      if (before) session.ledgers.set(name, before)
      else session.ledgers.delete(name)
    },
  })
}

function load(
  session: Session,
  { id, range, limit }: { id: LedgerId; range: LedgerRange; limit: number },
): LedgerEntry[] {
  const number = session.ledgers.get(nameOf(id))?.number
  if (number === undefined) return []
  const bounds = rangeOfNumber('entry', number)
  const from = range.from === undefined ? bounds.from : namedKey('entry', number, range.from)
  const to = range.to === undefined ? bounds.to : namedKey('entry', number, range.to)
  if (Buffer.compare(from, to) >= 0) return []
  const entries: LedgerEntry[] = []
  for (const { key, value } of session.store.entries({ from, to }, { limit })) {
    const name = nameOfKey(key)
    entries.push({
      key: name,
      value: unseal(key, value, () => `Entry ${name} of ledger ${id.ledger}, shard ${id.shard},`),
    })
  }
  return entries
}

function nameOf({ namespace, ledger, shard }: LedgerId): string {
  return `${namespace}/${ledger}/${shard}`
}
