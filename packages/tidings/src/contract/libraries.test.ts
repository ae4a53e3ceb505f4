import * as v from 'valibot'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import type { Service } from '../service/index.ts'
import { decodeEvent, defineContract, defineEntity, defineEvent, encodePayload } from './index.ts'

type Order = { id: string; lines: { sku: string; count: number }[]; status: 'open' | 'paid' }

const withZod = defineContract('sales', {
  order: defineEntity({
    key: 'id',
    schema: z.object({
      id: z.string(),
      lines: z.array(z.object({ sku: z.string(), count: z.number().min(1) })),
      status: z.enum(['open', 'paid']).default('open'),
    }),
  }),
})
const withValibot = defineContract('sales', {
  order: defineEntity({
    key: 'id',
    schema: v.object({
      id: v.string(),
      lines: v.array(v.object({ sku: v.string(), count: v.pipe(v.number(), v.minValue(1)) })),
      status: v.optional(v.picklist(['open', 'paid']), 'open'),
    }),
  }),
})

describe.each([
  ['zod', withZod.order, 'Too small: expected number to be >=1'],
  ['valibot', withValibot.order, 'Invalid value: Expected >=1 but received 0'],
])('a contract written with %s', (_, order, rule) => {
  const lines = [{ sku: 'a', count: 1 }]

  it('sends what the schema made of a value, and gives it to the handler', async () => {
    const payload = await encodePayload(order.created, { id: 'o1', lines, secret: 'x' })
    expect(new TextDecoder().decode(payload.data)).toBe('{"id":"o1","lines":[{"sku":"a","count":1}],"status":"open"}')
    expect(await decodeEvent(order.created, payload)).toEqual({ id: 'o1', lines, status: 'open' })
  })

  it('names the path and the rule of a refusal, to publishers and to handlers', async () => {
    const bad = { id: 'o1', lines: [...lines, { sku: 'b', count: 0 }] }
    const refusal = {
      code: 'schema-violation',
      message: `sales.order.created: lines[1].count: ${rule}.`,
      details: { type: 'sales.order.created', issues: [{ path: 'lines[1].count', message: rule }] },
    }
    await expect(encodePayload(order.created, bad)).rejects.toMatchObject(refusal)
    const bytes = new TextEncoder().encode(JSON.stringify(bad))
    await expect(decodeEvent(order.created, { data: bytes })).rejects.toMatchObject({
      code: 'unreadable',
      cause: refusal,
    })
  })
})

it('the types go from the schema of either library to the handler, without a cast', () => {
  const handle = (service: Service<'mail'>): void => {
    service.on('zod', withZod.order.created, { from: 'end' }, ({ event }) => {
      expectTypeOf(event.data).toEqualTypeOf<Order>()
    })
    service.on('valibot', withValibot.order.created, { from: 'end' }, ({ event }) => {
      expectTypeOf(event.data).toEqualTypeOf<Order>()
      // @ts-expect-error an order has no colour
      void event.data.colour
    })
  }
  const decodeWithValibot = () => decodeEvent(withValibot.order.updated, {})
  expectTypeOf(handle).parameter(0).toEqualTypeOf<Service<'mail'>>()
  expectTypeOf(decodeWithValibot).returns.resolves.toEqualTypeOf<Order>()
})

describe('the wire schema', () => {
  const standard = {
    version: 1,
    vendor: 'own',
    validate: (value: unknown) => ({ value: value as { at: string } }),
  } as const

  it('is what any library says of its input, in the draft that is asked for', () => {
    const asked: unknown[] = []
    const say = (side: string) => (options: object) => {
      asked.push([side, options])
      return { title: side }
    }
    const schema = { '~standard': { ...standard, jsonSchema: { input: say('input'), output: say('output') } } }
    const { moved } = defineContract('shop', { moved: defineEvent({ schema }) })
    expect(moved.jsonSchema).toEqual({ title: 'input' })
    expect(asked).toEqual([['input', { target: 'draft-2020-12' }]])
  })

  it('is absent where the library cannot say it', () => {
    const refuse = (): never => {
      throw new Error('a transform has no JSON Schema')
    }
    const schema = { '~standard': { ...standard, jsonSchema: { input: refuse, output: refuse } } }
    expect(defineContract('shop', { moved: defineEvent({ schema }) }).moved.jsonSchema).toBeUndefined()
  })

  it('asks of foreign publishers only what the schema does not fill in itself', () => {
    expect(withZod.order.created.jsonSchema).toMatchObject({ required: ['id', 'lines'] })
  })
})
