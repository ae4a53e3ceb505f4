import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench, type Result } from '../command.fixture.ts'

let bench: Bench
beforeEach(async () => {
  bench = await openBench()
})
afterEach(() => bench[Symbol.asyncDispose]())

const text = { type: 'string' }
const document = (properties: object, more: object = {}) => ({
  service: 'crm',
  topics: [
    {
      ...{ topic: 'crm.moved', kind: 'event', key: 'id' },
      types: [
        { type: 'crm.moved', schema: { type: 'object', properties, required: Object.keys(properties) }, ...more },
      ],
    },
  ],
})

function write(name: string, content: unknown): string {
  const file = join(bench.folder, name)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

/** In a process of its own where files are written into its folder. */
const tidings = (...words: string[]): Promise<Result> => bench.run(words)

describe('contract push and plan', () => {
  test('register a document, say what a change would do and who would notice, and refuse it with exit code 3', async () => {
    const first = write('first.json', document({ id: text, city: text }))
    const pushed = await bench.tidings('contract', 'push', first)
    expect(pushed).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('crm.moved is new (version 1, revision 1)'),
    })
    expect(await bench.tidings('contract', 'push', first)).toMatchObject({
      stdout: expect.stringContaining('unchanged'),
    })
    const needs = [
      { topic: 'crm.moved', consumer: 'mail.hello', as: 'handler', fields: ['/city'], observed: true } as const,
    ]
    await bench.broker.reportNeeds(bench.caller, { service: 'mail', needs })
    const next = write('next.json', document({ id: text }))
    const planned = await bench.tidings('contract', 'plan', next)
    expect(planned.code).toBe(0)
    expect(planned.stdout).toMatch(/^The contract of crm: incompatible\.\n.*revision 2\)\n  - \/city\n  breaks /)
    expect(planned.stdout).toMatch(
      /against 1\.1: .*\n      such as .*\nWho reads what changes:\n  mail\.hello \(handler, observed\): \/city\n/,
    )
    const refused = await bench.tidings('contract', 'push', next, '--json')
    expect(refused.code).toBe(3)
    expect(jsonLines(refused.stderr)).toMatchObject([
      { error: { code: 'contract-incompatible', details: { verdict: 'incompatible' } } },
    ])
  })

  test('take a module in TypeScript, whose contract is the one that it exports or that is named', async () => {
    mkdirSync(join(bench.folder, 'node_modules'))
    symlinkSync(join(import.meta.dirname, '../../../tidings'), join(bench.folder, 'node_modules/tidings'))
    const source = (names: readonly string[]) =>
      `import { defineContract, defineEvent, fromJsonSchema } from 'tidings'
       const moved = defineEvent({ key: 'id', schema: fromJsonSchema<{ id: string }>(${JSON.stringify({ type: 'object' })}) })
       ${names.map((name) => `export const ${name} = defineContract('${name}', { moved }, { description: 'of ${name}' })`).join('\n')}
       export const other: number = 1`
    const one = write('one.ts', source(['crm']))
    const two = write('two.ts', source(['shop', 'mail']))
    expect(await tidings('contract', 'push', one)).toMatchObject({ code: 0 })
    expect(await bench.broker.contract(bench.caller, 'crm')).toMatchObject({
      description: 'of crm',
      topics: [
        { topic: 'crm.moved', key: 'id', types: [{ type: 'crm.moved', version: 1, schema: { type: 'object' } }] },
      ],
    })
    expect(await tidings('contract', 'plan', two)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--export'),
    })
    expect(await tidings('contract', 'push', two, '--export', 'mail')).toMatchObject({ code: 0 })
    expect(await tidings('contract', 'push', two, '--export', 'crm')).toMatchObject({ code: 2 })
    expect((await bench.broker.contracts(bench.caller)).map(({ service }) => service)).toEqual(['crm', 'mail'])
  })

  test.each([
    ['nowhere.json', undefined, 2, /cannot be read/],
    ['broken.json', '{', 2, /cannot be read/],
    ['other.json', '[1]', 2, /holds no contract/],
    ['broken.ts', 'export const', 1, /cannot be loaded/],
    ['empty.ts', 'export const nothing = 1', 2, /exports no contract/],
  ])('say what is wrong with %s', async (name, content, code, message) => {
    if (content !== undefined) write(name, content)
    const result = await bench.tidings('contract', 'plan', join(bench.folder, name))
    expect(result).toMatchObject({ code, stderr: expect.stringMatching(message) })
  })

  test('accept what could not be decided where the registrant says so', async () => {
    await bench.tidings('contract', 'push', write('first.json', document({ id: text })))
    const dropped = write('next.json', document({ id: text }, { schema: undefined }))
    const refused = await bench.tidings('contract', 'push', dropped)
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('--accept-undecided') })
    expect(await bench.tidings('contract', 'push', dropped, '--accept-undecided')).toMatchObject({ code: 0 })
  })
})

describe('contract check', () => {
  test('ends with 3 where a contract may not be registered', async () => {
    await bench.tidings('contract', 'push', write('first.json', document({ id: text, city: text })))
    expect(await bench.tidings('contract', 'check', join(bench.folder, 'first.json'))).toMatchObject({ code: 0 })
    const next = await bench.tidings('contract', 'check', write('next.json', document({ id: text })))
    expect(next).toMatchObject({ code: 3, stdout: expect.stringContaining('- /city') })
  })

  test('ends with 3 where what was fetched cannot read what is published now', async () => {
    const push = (name: string, content: object) => bench.tidings('contract', 'push', write(name, content))
    await push('first.json', document({ id: text, city: text }))
    expect(await tidings('contract', 'add', 'crm')).toMatchObject({ code: 0 })
    expect(await tidings('contract', 'check')).toMatchObject({ code: 0, stdout: 'crm.moved: same\n' })
    const wider = document({ id: text, city: text })
    Object.assign(wider.topics[0]!.types[0]!.schema.properties, { zip: text })
    await push('wider.json', wider)
    expect(await tidings('contract', 'check')).toMatchObject({ code: 0, stdout: 'crm.moved: compatible\n' })
    await push('none.json', { ...document({ id: text }), compatibility: { mode: 'none' } })
    const broken = await tidings('contract', 'check', '--json')
    expect(broken.code).toBe(3)
    expect(jsonLines(broken.stdout)).toMatchObject([
      { compatible: false, types: [{ type: 'crm.moved', verdict: 'incompatible', findings: [{ against: '1.1' }] }] },
    ])
  })

  test('ends with 3 where a newer version is published, and with 2 where nothing was fetched', async () => {
    expect(await tidings('contract', 'check')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('contract add'),
    })
    await bench.tidings('contract', 'push', write('first.json', document({ id: text })))
    await tidings('contract', 'add', 'crm')
    await bench.tidings(
      'contract',
      'push',
      write('second.json', document({ id: { type: 'integer' } }, { version: 2, oldestVersion: 1 })),
    )
    expect(await tidings('contract', 'check')).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/version-behind: Version 2 .* version 1 was fetched; .*tidings contract add crm/),
    })
  })
})

describe('contract add', () => {
  test('notes version, revision and digest of each type', async () => {
    await bench.tidings('contract', 'push', write('first.json', document({ id: text })))
    const added = await tidings('contract', 'add', 'crm', '--out', 'src/contracts', '--lock', 'lock.json', '--json')
    expect(jsonLines(added.stdout)).toEqual([
      { service: 'crm', file: 'src/contracts/crm.ts', lock: 'lock.json', types: [{ type: 'crm.moved', version: 1 }] },
    ])
    const lock = JSON.parse(readFileSync(join(bench.folder, 'lock.json'), 'utf8')) as unknown
    const [version] = (await bench.broker.contract(bench.caller, 'crm')).topics[0]!.types[0]!.versions
    const { digest } = version!.revisions[0]!
    expect(lock).toEqual({ v: 1, contracts: { crm: { types: { 'crm.moved': { version: 1, revision: 1, digest } } } } })
    expect(readFileSync(join(bench.folder, 'src/contracts/crm.ts'), 'utf8')).toContain(
      'export const crm = defineContract("crm", {',
    )
    expect(await tidings('contract', 'add', 'nobody')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('tidings contracts'),
    })
  })
})

test('contracts lists owners, topics, versions, consumers and what they read', async () => {
  expect(await bench.tidings('contracts')).toMatchObject({ code: 0, stdout: '' })
  await bench.tidings('contract', 'push', write('first.json', document({ id: text })))
  const { broker, caller } = bench
  await broker.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription: 'mail.thanks', topic: 'crm.moved', from: 'end' })
  const needs = [
    { topic: 'crm.moved', consumer: 'sales.replica.x', as: 'replica', fields: ['/id'], observed: false } as const,
  ]
  await broker.reportNeeds(caller, { service: 'sales', needs })
  const { stdout } = await bench.tidings('contracts')
  expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['OWNER', 'TOPIC', 'KIND', 'VERSION', 'CONSUMER', 'READS'],
    ['crm', 'crm.moved', 'event', '1.1', 'mail.thanks', 'unknown'],
    ['crm', 'crm.moved', 'event', '1.1', 'sales.replica.x', '/id (replica, declared)'],
    ['shop', 'shop.order', 'event', '-', '-', '-'],
    [''],
  ])
  expect(jsonLines((await bench.tidings('contracts', 'crm', '--json')).stdout)).toMatchObject([
    { contracts: [{ service: 'crm', topics: [{ types: [{ schema: { type: 'object' } }] }] }] },
  ])
})
