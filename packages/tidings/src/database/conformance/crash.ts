import assert from 'node:assert/strict'
import type { Database } from '../port.ts'
import type { DatabaseCase } from './case.ts'
import { insert } from './scene.ts'

const pairsBeforeTheKill = 40

/**
 * What the process runs that a subject starts: pairs of entries, eight transactions at a time, until it is killed. Each
 * pair is reported after its transaction has resolved, and not before.
 */
export async function writePairs(database: Database, report: (pair: number) => void): Promise<never> {
  for (let next = 0; ; next += 8) {
    await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const pair = next + index
        await database.transaction(async (transaction) => {
          await insert(database, transaction, `${pair} left`)
          // The kill shall be able to come between the two.
          await new Promise((resolve) => setImmediate(resolve))
          await insert(database, transaction, `${pair} right`)
        })
        report(pair)
      }),
    )
  }
}

/** What a killed process leaves behind. */
export const crashCases: readonly DatabaseCase[] = [
  {
    name: 'after a crash all or nothing of a transaction is there, and everything that had resolved',
    needs: ({ startWriter }) => (startWriter ? undefined : 'this store belongs to one process'),
    async run({ database, subject, reopen }) {
      await database.stop()
      const writer = await subject.startWriter!()
      await writer.reported(pairsBeforeTheKill)
      const reported = await writer.kill()
      const rows = await (await reopen()).query<{ name: string }>('select name from entry')
      const stored = new Set(rows.map(({ name }) => name))
      for (const name of stored) {
        const pair = name.split(' ')[0]!
        assert.ok(stored.has(`${pair} left`) && stored.has(`${pair} right`), `transaction ${pair} is there by half`)
      }
      for (const pair of reported) assert.ok(stored.has(`${pair} left`), `transaction ${pair} had resolved and is lost`)
      assert.ok(reported.length >= pairsBeforeTheKill)
    },
  },
]
