import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'tidings'
import { ownersOnly, type ContractPlan, type RegisterContractRequest } from 'tidings/broker'
import { embeddedEngine, restoreStore } from 'tidings/engines/embedded'
import { moveStore } from 'tidings/move'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openBench } from './bench.fixture.ts'
import { Frozen } from './formats/freeze.fixture.ts'
import { startServer } from './start.ts'

const caller = { namespace: 'default', principal: 'operator' }
const text = { type: 'string' }
const objectOf = (properties: object, required: readonly string[]) => ({ type: 'object', properties, required })
const first = objectOf({ id: text, email: text }, ['id', 'email'])
const wider = objectOf({ id: text, email: text, name: text }, ['id', 'email'])
const narrower = objectOf({ id: text }, ['id'])
const contractOf = (schema: object, topic = 'crm.joined'): RegisterContractRequest => ({
  service: topic.split('.')[0]!,
  topics: [{ topic, kind: 'event', types: [{ type: topic, schema: schema as Record<string, unknown> }] }],
})
const bodyOf = (schema: object): object => ({ topics: contractOf(schema).topics })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidings-contracts-'))
})
afterAll(() => rm(folder, { recursive: true }))
const newFolder = async (): Promise<string> => join(await mkdtemp(join(folder, 'case-')), 'is')

describe('the registry over HTTP', () => {
  it('says in a problem of its own which rule, where, with what witness, and who would notice', async () => {
    await using bench = await openBench()
    const { call } = bench
    expect((await call('PUT', '/contracts/crm', { json: bodyOf(first) })).status).toBe(200)
    const needs = { topic: 'crm.joined', consumer: 'mail.welcome', as: 'handler', fields: ['/email'], observed: true }
    expect((await call('PUT', '/services/mail/needs', { json: { needs: [needs] } })).status).toBe(204)
    const refused = await call('PUT', '/contracts/crm', { json: bodyOf(narrower) })
    expect(refused.status).toBe(409)
    expect(refused.headers.get('content-type')).toContain('application/problem+json')
    expect(refused.body).toMatchObject({
      code: 'contract-incompatible',
      detail: expect.stringMatching(/crm\.joined.*against 1\.1.*mail\.welcome \(\/email\).*tidings contract plan/),
      retryable: false,
    })
    const { details } = refused.body as unknown as { details: ContractPlan }
    const [finding] = details.types[0]!.findings
    expect(finding).toMatchObject({ rule: expect.any(String), against: '1.1', witness: expect.anything() })
    expect(details.affected).toMatchObject([{ consumer: 'mail.welcome', fields: ['/email'], known: 'observed' }])
    const planned = await call('POST', '/contracts/crm/plan', { json: bodyOf(narrower) })
    expect([planned.status, planned.body]).toEqual([200, details])
    expect((await call('GET', '/contracts/nobody')).body).toMatchObject({ code: 'contract-unknown' })
  })

  it('lets the owner register, and nobody else', async () => {
    await using bench = await openBench({ authorize: ownersOnly({ operators: ['operator'] }) })
    const register = (principal: string) =>
      bench.call('PUT', '/contracts/crm', { json: bodyOf(first), headers: { 'tidings-principal': principal } })
    expect((await register('mail')).body).toMatchObject({ code: 'forbidden' })
    expect((await register('crm')).status).toBe(200)
  })

  it.each([
    [
      'a schema that is none',
      { topics: [{ topic: 'crm.joined', kind: 'event', types: [{ type: 'x', schema: { type: 5 } }] }] },
    ],
    ['a field that is not known', { ...bodyOf(first), shemas: {} }],
    ['a mode that is none', { ...bodyOf(first), compatibility: { mode: 'mostly' } }],
  ])('refuses %s', async (_, json) => {
    await using bench = await openBench()
    expect(await bench.call('PUT', '/contracts/crm', { json })).toMatchObject({ status: 400 })
    expect((await bench.call('GET', '/contracts')).body).toEqual({ contracts: [] })
  })
})

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

describe('a contract is part of the store', () => {
  async function registered(path: string) {
    await using server = await startServer({ path, port: 0 })
    const { broker } = server
    await broker.registerContract(caller, contractOf(first))
    await broker.registerContract(caller, contractOf(wider))
    const needs = [
      { topic: 'crm.joined', consumer: 'mail.all', as: 'handler', fields: ['/id'], observed: false } as const,
    ]
    await broker.reportNeeds(caller, { service: 'mail', needs })
    const backup = new Uint8Array(await (await fetch(`${server.url}/backup`)).arrayBuffer())
    return { contract: await broker.contract(caller, 'crm'), backup }
  }

  async function expectThere(path: string, before: unknown): Promise<void> {
    await using server = await startServer({ path, port: 0 })
    expect(await server.broker.contract(caller, 'crm')).toEqual(before)
    await expect(server.broker.registerContract(caller, contractOf(narrower))).rejects.toMatchObject({
      code: 'contract-incompatible',
    })
  }

  it('and is there after a restart, in a backup and after a move', async () => {
    const path = await newFolder()
    const { contract, backup } = await registered(path)
    await expectThere(path, contract)
    const restored = await newFolder()
    await restoreStore({ path: restored, backup: onePiece(backup) })
    await expectThere(restored, contract)
    const moved = await newFolder()
    const sideOf = (place: string) => ({ place, engine: embeddedEngine({ path: place }) })
    await moveStore({ from: sideOf(path), to: sideOf(moved) })
    await expectThere(moved, contract)
  })

  it.each(['format-1', 'format-2'])(
    'a store of %s opens, and what its topics had is the first revision',
    async (format) => {
      const path = await newFolder()
      await new Frozen(join(import.meta.dirname, 'formats', format)).thawStore(path)
      await using server = await startServer({ path, port: 0 })
      await using broker = connect(server.url)
      expect(await broker.contract(caller, 'shop')).toMatchObject({
        service: 'shop',
        topics: expect.arrayContaining([
          expect.objectContaining({
            topic: 'shop.order',
            types: expect.arrayContaining([expect.objectContaining({ schema: {} })]),
          }),
        ]),
      })
      const { verdict, types } = await broker.planContract(caller, contractOf(first, 'shop.order'))
      const told = types.map(({ type, change, findings }) => [type, change, findings[0]?.against])
      expect([verdict, ...told]).toEqual([
        'incompatible',
        ['shop.order', 'new-revision', '1.1'],
        ['shop.special', 'absent', undefined],
      ])
      const same = await broker.registerContract(caller, contractOf({}, 'shop.order'))
      expect(same.types).toMatchObject([{ type: 'shop.order', change: 'none', revision: 1 }, { change: 'absent' }])
      expect((await broker.topic(caller, 'shop.order')).schemas).toEqual({ 'shop.order': {}, 'shop.special': {} })
    },
  )
})
