import type { Transaction } from '../../database/index.ts'
import type { EntityKey, Locked, LockedKey, OutboxWriting, Told } from '../tables.ts'
import { statements } from './statements.ts'

async function lock(transaction: Transaction, keys: readonly EntityKey[]): Promise<Locked> {
  const locked: LockedKey[] = []
  for (const { topic, key } of keys) {
    const [row] = await transaction.query<{ sequence: number; present: number }>(statements.lockKey, [topic, key])
    locked.push({ topic, key, sequence: row!.sequence, present: row!.present === 1 })
  }
  const [source] = await transaction.query<{ sourceepoch: number }>(statements.source)
  return { keys: locked, sourceepoch: source!.sourceepoch }
}

async function write(transaction: Transaction, { rows, versions, unused }: Told): Promise<boolean> {
  for (const { topic, key, event, writtenAt } of rows) {
    await transaction.query(statements.write, [topic, key, event, writtenAt])
  }
  for (const { topic, key, sequence, present } of versions) {
    await transaction.query(statements.saveKey, [sequence, present ? 1 : 0, topic, key])
  }
  for (const { topic, key } of unused) await transaction.query(statements.forgetUnusedKey, [topic, key])
  // Whoever writes has the database for himself, so the epoch is still the one of the locks.
  return true
}

export const sqliteWriting: OutboxWriting = { lock, write }
