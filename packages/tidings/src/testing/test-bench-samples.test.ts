import Libsql from 'libsql'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { connect } from '../client/index.ts'
import { anything, defineContract, defineEntity, defineEvent } from '../contract/index.ts'
import { sqliteDatabase } from '../databases/sqlite/index.ts'
import { createService } from '../service/index.ts'
import { testBench, type TestBench } from './index.ts'

const shop = defineContract('shop', {
  order: defineEntity({
    key: 'id',
    schema: z.object({
      id: z.string(),
      email: z.email(),
      placedAt: z.iso.datetime(),
      status: z.enum(['open', 'paid']),
      lines: z.array(z.object({ sku: z.string().regex(/^[A-Z]{3}-\d+$/), pieces: z.int().positive() })).min(1),
      note: z.string().max(5).optional(),
      address: z.union([z.object({ street: z.string() }), z.null()]),
    }),
  }),
  refund: defineEvent({
    schema: z.object({ of: z.string(), cents: z.int() }).refine(({ cents }) => cents > 1e12, 'too little'),
  }),
  odd: defineEvent({ schema: z.object({ no: z.never() }) }),
  raw: defineEvent({ schema: anything }),
})

let bench: TestBench
afterEach(() => bench.stop())

async function start(seed: number): Promise<readonly string[]> {
  const database = sqliteDatabase({ client: new Libsql(':memory:'), allowVolatile: true })
  await database.start()
  const contract = defineContract('audit', {})
  const service = createService({ contract, broker: connect('http://127.0.0.1:1'), database, report: () => {} })
  const seen: string[] = []
  service.on('write', shop.order.created, { from: 'end' }, async ({ event }) => {
    seen.push(JSON.stringify(event.data))
  })
  bench = await testBench(service, { seed })
  return seen
}

describe('the samples of a test bench', () => {
  it('are data that the contract accepts and a consumer gets', async () => {
    const seen = await start(3)
    for (let count = 0; count < 60; count++) {
      const kind = count % 3 === 0 ? 'boundary' : 'varied'
      await bench.publish(shop.order.created, await bench.sample(shop.order.created, { kind }))
    }
    await bench.settled()
    expect(seen).toHaveLength(60)
    expect(new Set(seen).size).toBeGreaterThan(50)
    expect(await bench.deadLetters()).toEqual([])
  })

  it('are the same for one seed', async () => {
    const made: unknown[] = []
    for (let run = 0; run < 2; run++) {
      await start(5)
      made.push([await bench.sample(shop.order.updated), await bench.sample(shop.order.deleted)])
      if (run === 0) await bench.stop()
    }
    expect(made[1]).toEqual(made[0])
  })

  it('are refused where they cannot be made, saying what to do', async () => {
    await start(1)
    await expect(bench.sample(shop.refund)).rejects.toThrow(
      /^The contract of shop\.refund refuses what its JSON Schema allows: \{.*\} \(too little\)\. Say in its JSON Schema/,
    )
    await expect(bench.sample(shop.odd)).rejects.toThrow('The JSON Schema of shop.odd allows no data at all.')
    await expect(bench.sample({ ...shop.raw, jsonSchema: undefined })).rejects.toThrow(
      'shop.raw has no JSON Schema to make data from',
    )
    const strange = { ...shop.raw, jsonSchema: { type: 'string', pattern: '^(?=x)(?!x)y' } }
    await expect(bench.sample(strange)).rejects.toThrow('No data was found for shop.raw: no text was found for ^(?=x)')
  })
})
