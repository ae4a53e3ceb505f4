import { expect, test } from 'vitest'
import { CommitReader } from './commit-reader.ts'

function begin(xid: number): Buffer {
  const bytes = Buffer.alloc(21)
  bytes.write('B')
  bytes.writeUInt32BE(xid, 17)
  return bytes
}

function commit(end: bigint): Buffer {
  const bytes = Buffer.alloc(26)
  bytes.write('C')
  bytes.writeBigUInt64BE(end, 10)
  return bytes
}

const insert = Buffer.from('I and whatever a row has')

test('a transaction that inserted is found once, at its commit', () => {
  const reader = new CommitReader()
  const found = [begin(7), Buffer.from('R'), insert, insert, commit(900n)].map((message) => reader.read(message))
  expect(found).toEqual([undefined, undefined, undefined, undefined, { xid: 7, end: 900n }])
})

test('a transaction with nothing published, which PostgreSQL 14 sends too, does not count', () => {
  const reader = new CommitReader()
  for (const message of [begin(7), insert, commit(900n)]) reader.read(message)
  expect([begin(8), commit(950n)].map((message) => reader.read(message))).toEqual([undefined, undefined])
})
