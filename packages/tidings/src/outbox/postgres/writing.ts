import type { Transaction } from '../../database/index.ts'
import type { EntityKey, LockedKey, Told } from '../tables.ts'
import { statements } from './statements.ts'

// A transaction waits for the server once for all of its keys, and once for all of its rows: lists go as JSON, bytes in
// hexadecimal digits.

export async function lock(transaction: Transaction, keys: readonly EntityKey[]): Promise<readonly LockedKey[]> {
  const asked = keys.map(({ topic, key }) => ({ topic, key: hex(key) }))
  const rows = await transaction.query<{ sequence: number; present: number }>(statements.lockKeys, [
    JSON.stringify(asked),
  ])
  return keys.map(({ topic, key }, index) => {
    const { sequence, present } = rows[index]!
    return { topic, key, sequence, present: present === 1 }
  })
}

export async function write(transaction: Transaction, { rows, versions, unused }: Told): Promise<void> {
  if (rows.length > 0) {
    const written = rows.map(({ topic, key, event, writtenAt }) => ({
      topic,
      key: key && hex(key),
      event: hex(event),
      at: writtenAt,
    }))
    const saved = versions.map(({ topic, key, sequence, present }) => ({
      topic,
      key: hex(key),
      sequence,
      present: present ? 1 : 0,
    }))
    await transaction.query(statements.write, [JSON.stringify(written), JSON.stringify(saved)])
  }
  for (const { topic, key } of unused) await transaction.query(statements.forgetUnusedKey, [topic, key])
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}
