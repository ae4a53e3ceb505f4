import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { contractDocument, defineContract, defineEntity, defineEvent, defineReplies, defineTask } from 'tidings'
import { allowAll, createBroker, type RegisterContractRequest } from 'tidings/broker'
import { memoryEngine } from 'tidings/engines/memory'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { loadContract } from './load.ts'
import { contractModule } from './typescript.ts'

const caller = { namespace: 'default', principal: 'operator' }
const root = join(import.meta.dirname, '../../../..')
const address = z.object({ city: z.string(), lines: z.array(z.string()).optional() })
const crm = defineContract(
  'crm',
  {
    customer: defineEntity({
      key: 'id',
      description: 'Who buys.',
      schema: z.object({ id: z.string(), status: z.enum(['active', 'lost']), address: address.optional() }),
    }),
    customerMoved: defineEvent({ key: 'id', schema: z.object({ id: z.string(), to: address }) }),
    checkCredit: defineTask({ schema: z.object({ amount: z.number() }), result: z.object({ limit: z.number() }) }),
    answers: defineReplies(),
  },
  { description: 'Our customers */ and friends.' },
)

let folder: string
beforeAll(() => {
  mkdirSync(join(root, '.data'), { recursive: true })
  folder = mkdtempSync(join(root, '.data/contract-'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What `tidings contract add` writes of a contract that was registered. */
async function moduleOf(contract: RegisterContractRequest, upcasts?: string): Promise<string> {
  await using broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  await broker.start()
  await broker.registerContract(caller, contract)
  return await contractModule(await broker.contract(caller, contract.service), upcasts)
}

describe('contractModule()', () => {
  test('writes a contract that says the same as that of its owner', async () => {
    const file = join(folder, 'crm.ts')
    writeFileSync(file, await moduleOf(contractDocument(crm)))
    const loaded = await loadContract(file, undefined)
    const { description: _, topics, ...rest } = contractDocument(crm)
    const byName = topics.toSorted((left, right) => (left.topic < right.topic ? -1 : 1))
    expect(loaded).toEqual({ ...rest, topics: byName.map(({ description: __, ...topic }) => topic) })
  })

  test('writes types that the compiler holds publishers and handlers to', async () => {
    writeFileSync(join(folder, 'crm.ts'), await moduleOf(contractDocument(crm)))
    writeFileSync(
      join(folder, 'use.ts'),
      `import type { Service } from 'tidings'
       import { crm, type CheckCreditResult, type Customer } from './crm.ts'
       export const limit: CheckCreditResult = { limit: 1 }
       export function use(service: Service<'crm'>): void {
         service.replicate(crm.customer, { columns: ['status'] })
         // @ts-expect-error there is no such column
         service.replicate(crm.customer, { columns: ['name'], name: 'other' })
         service.on('a', crm.customer.updated, { from: 'end' }, ({ event }) => {
           const { status, address }: Customer = event.data
           const lines: string[] | undefined = address?.lines
           // @ts-expect-error it is one of two texts
           const wrong: 'gone' = status
           return [lines, wrong]
         })
         void service.transaction((tx) => tx.publish(crm.customerMoved, { id: '1', to: { city: 'Rome' } }))
         // @ts-expect-error an address needs its city
         void service.transaction((tx) => tx.publish(crm.customerMoved, { id: '1', to: {} }))
       }`,
    )
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--target',
      'es2023',
      '--module',
      'nodenext',
    ]
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const files = ['--allowImportingTsExtensions', '--types', 'node', 'use.ts']
    const { status, stdout } = spawnSync(process.execPath, [compiler, ...options, ...files], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
  })

  test('takes what makes older data newer from a module beside it, where there is one', async () => {
    const schema = { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] }
    const types = [{ type: 'crm.moved', version: 2, oldestVersion: 1, schema }]
    const contract = { service: 'crm', topics: [{ topic: 'crm.moved', kind: 'event', types }] } as const
    writeFileSync(join(folder, 'versions.ts'), await moduleOf(contract))
    expect(await loadContract(join(folder, 'versions.ts'), undefined)).toMatchObject({
      topics: [{ types: [{ version: 2, oldestVersion: 2 }] }],
    })
    writeFileSync(join(folder, 'crm.upcasts.ts'), 'export const upcasts = { moved: { 1: (data: unknown) => data } }')
    writeFileSync(join(folder, 'upcast.ts'), await moduleOf(contract, './crm.upcasts.ts'))
    expect(await loadContract(join(folder, 'upcast.ts'), undefined)).toMatchObject({
      topics: [{ types: [{ version: 2, oldestVersion: 1 }] }],
    })
  })

  test('gives what the types of two topics are made of different names', async () => {
    const address = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
    const schema = (more: object): Record<string, unknown> => ({
      type: 'object',
      properties: { home: { $ref: '#/$defs/address' }, work: { $ref: '#/$defs/other' } },
      $defs: { address: { ...address, title: 'Address' }, other: { ...address, ...more, title: 'Address' } },
    })
    const topicOf = (topic: string, more: object) => {
      return { topic, kind: 'event', types: [{ type: topic, schema: schema(more) }] } as const
    }
    const topics = [topicOf('crm.moved', { description: 'a' }), topicOf('crm.joined', { description: 'b' })]
    const module = await moduleOf({ service: 'crm', topics })
    const names = [...module.matchAll(/export interface (\w+)/g)].map(([, name]) => name)
    expect(names.toSorted()).toEqual(
      ['Joined', 'JoinedAddress', 'JoinedAddress2', 'Moved', 'MovedAddress', 'MovedAddress2'].toSorted(),
    )
  })

  test('lets nothing into the module that others wrote as code', async () => {
    const evil = 'string\n}\nglobalThis.broken = true\nexport interface Other {'
    const schema = {
      type: 'object',
      description: '*/ globalThis.broken = true /*',
      properties: {
        id: { type: 'string', tsType: evil, description: '*/ globalThis.broken = true /*' },
        tsType: { type: 'string' },
      },
      $defs: { 'x {} globalThis.broken = true': { type: 'string' } },
      title: evil,
    }
    const types = [{ type: 'crm.moved', schema, description: '*/ globalThis.broken = true /*' }]
    const module = await moduleOf({
      service: 'crm',
      topics: [{ topic: 'crm.moved', kind: 'event', key: "id', x: '", types }],
    })
    const file = join(folder, 'evil.ts')
    writeFileSync(file, module)
    expect(await loadContract(file, undefined)).toMatchObject({ topics: [{ key: "id', x: '" }] })
    expect(globalThis).not.toHaveProperty('broken')
    expect(module).toContain('tsType?: string')
  })

  test('says what cannot be written', async () => {
    const entity = { topic: 'crm.customer', kind: 'entity', types: [{ type: 'crm.customer.updated' }] } as const
    await expect(moduleOf({ service: 'crm', topics: [entity] })).rejects.toThrow('which property is the key')
    const foreign = { topic: 'other.moved', kind: 'event', types: [{ type: 'other.moved' }] } as const
    await expect(moduleOf({ service: 'crm', topics: [foreign] })).rejects.toThrow('not named as defineContract()')
  })
})
