import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await bench.tidings('--json', ...words)
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return jsonLines(stdout)[0]!
}

describe('topics', () => {
  test('create makes a topic of the service that its name begins with; list and show know it', async () => {
    const created = await json('topics', 'create', 'sales.order', '--kind', 'task')
    expect(created).toMatchObject({ topic: 'sales.order', kind: 'task', owner: 'sales' })
    expect(await json('topics', 'show', 'sales.order')).toEqual(created)
    expect(await json('topics', 'list')).toEqual({ topics: [created] })
    const { stdout } = await bench.tidings('topics', 'list')
    expect(stdout).toMatch(/^TOPIC +KIND +OWNER +HEAD +SHARDS\nsales\.order +task +sales /)
  })

  test('create may be repeated, with and without the kind', async () => {
    await json('topics', 'create', 'repeat.it', '--kind', 'entity')
    expect(await json('topics', 'create', 'repeat.it')).toMatchObject({ kind: 'entity' })
    const other = await bench.tidings('topics', 'create', 'repeat.it', '--kind', 'event')
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot become event') })
  })

  test('create changes schemas with --update only', async () => {
    const schema = join(bench.folder, 'schema.json')
    writeFileSync(schema, '{ "type": "object", "required": ["order"] }')
    await json('topics', 'create', 'change.it')
    const option = `--schema=change.it=${schema}`
    const refused = await bench.tidings('topics', 'create', 'change.it', option)
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('add --update') })
    expect(await json('topics', 'create', 'change.it', option, '--update')).toMatchObject({
      schemas: { 'change.it': { type: 'object', required: ['order'] } },
    })
    // What an update does not speak of stays.
    expect(await json('topics', 'create', 'change.it', '--update')).toMatchObject({
      schemas: { 'change.it': { required: ['order'] } },
    })
    expect(await bench.tidings('topics', 'create', 'change.it', '--update', '--owner', 'other')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('belongs to the service change'),
    })
    expect(await bench.tidings('publish', 'change.it', '{}')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("must have required property 'order'"),
    })
    expect(await bench.tidings('topics', 'create', 'not.there', '--update')).toMatchObject({ code: 2 })
  })

  test('create sets bounds in the units of people, and changes them with --update only', async () => {
    const bounds = ['--max-age', '7d', '--max-size', '10GiB', '--max-events', '1000', '--overtakes']
    const retention = { maxAgeMs: 604_800_000, maxBytes: 10_737_418_240, maxEvents: 1_000, overtakes: true }
    expect(await json('topics', 'create', 'bound.it', ...bounds)).toMatchObject({ retention })
    expect(await json('topics', 'create', 'bound.it')).toMatchObject({ retention })
    const refused = await bench.tidings('topics', 'create', 'bound.it', '--max-age', '8d')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('another retention; add --update') })
    expect(await json('topics', 'create', 'bound.it', '--update', '--max-age', '12h', '--no-overtakes')).toMatchObject({
      retention: { ...retention, maxAgeMs: 43_200_000, overtakes: false },
    })
    const { stdout } = await bench.tidings('topics', 'show', 'bound.it')
    expect(stdout).toMatch(/^retention +12 h, 1,000 events, 10 GiB; and what subscriptions still need$/m)
    expect(await json('topics', 'create', 'bound.it', '--update', '--keep-all')).not.toHaveProperty('retention')
    for (const wrong of ['7', '7 weeks', '-1d', '0s']) {
      expect(await bench.tidings('topics', 'create', 'bound.it', '--update', `--max-age=${wrong}`)).toMatchObject({
        code: 2,
      })
    }
    expect(await bench.tidings('topics', 'create', 'bound.it', '--update', '--max-size=10XB')).toMatchObject({
      code: 2,
    })
  })

  test('remove asks for --yes where nobody can be asked, and shows with --dry-run what would go', async () => {
    await json('topics', 'create', 'remove.me')
    await json('subscriptions', 'create', 'x.y', '--topic', 'remove.me', '--from', 'end')
    const unasked = await bench.tidings('topics', 'remove', 'remove.me')
    expect(unasked).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--yes') })
    expect(await json('topics', 'remove', 'remove.me', '--dry-run')).toEqual({
      topic: 'remove.me',
      head: expect.any(String),
      subscriptions: ['x.y'],
      removed: false,
    })
    await json('topics', 'show', 'remove.me')
    expect(await json('topics', 'remove', 'remove.me', '--yes')).toMatchObject({ removed: true })
    expect(await bench.tidings('topics', 'show', 'remove.me')).toMatchObject({ code: 1 })
  })

  test('erase asks first, says how many events it was, and leaves no payload of the key', async () => {
    await json('topics', 'create', 'erase.it')
    for (const key of ['k', 'k', 'other']) await json('publish', 'erase.it', '"secret"', '--key', key)
    expect(await bench.tidings('topics', 'erase', 'erase.it', 'k')).toMatchObject({ code: 2 })
    await json('topics', 'erase', 'erase.it', 'k', '--dry-run')
    const read = async () => jsonLines((await bench.tidings('topics', 'read', 'erase.it', '--json')).stdout).length
    expect(await read()).toBe(3)
    expect(await json('topics', 'erase', 'erase.it', 'k', '--yes')).toEqual({ topic: 'erase.it', key: 'k', erased: 2 })
    expect(await read()).toBe(1)
  })

  test('list says in an empty namespace how to make one, on stderr only', async () => {
    expect(await bench.tidings('topics', 'list', '--namespace', 'blue')).toEqual({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('tidings topics create'),
    })
    expect(await bench.tidings('topics', 'list', '--namespace', 'blue', '--quiet')).toMatchObject({ stderr: '' })
    expect(await json('topics', 'list', '--namespace', 'blue')).toEqual({ topics: [] })
  })
})

describe('topics read', () => {
  test('shows what is there as lines, and as NDJSON with the payload as it was published', async () => {
    await json('topics', 'create', 'read.it')
    const payload = '{\n  "big": 9223372036854775807,\n  "big": 1.0\n}'
    await bench.run(['publish', 'read.it', '--key', 'k\u202e', '--id', 'one'], { stdin: payload })
    await json('publish', 'read.it', '"two"', '--content-type', 'text/plain')
    const { stdout } = await bench.tidings('topics', 'read', 'read.it')
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^\S+ {2}read\.it {2}k\\u202e {2}\{ "big": 9223372036854775807, "big": 1\.0 \}$/),
      expect.stringMatching(/^\S+ {2}read\.it {2}- {2}"two"$/),
      '',
    ])
    const lines = (await bench.tidings('topics', 'read', 'read.it', '--json')).stdout
    expect(lines).toContain('"data":{   "big": 9223372036854775807,   "big": 1.0 }')
    expect(jsonLines(lines)).toMatchObject([
      { position: expect.any(String), appendedAt: expect.any(Number), event: { id: 'one', specversion: '1.0' } },
      { event: { data_base64: Buffer.from('"two"').toString('base64') } },
    ])
  })

  test('stops after --max, begins --after, and --follow goes on until interrupted', async () => {
    await json('topics', 'create', 'follow.it')
    for (const data of ['1', '2', '3']) await json('publish', 'follow.it', data)
    const [first] = jsonLines((await bench.tidings('topics', 'read', 'follow.it', '--json', '--max', '1')).stdout)
    const rest = await bench.tidings('topics', 'read', 'follow.it', '--json', '--after', String(first!['position']))
    expect(jsonLines(rest.stdout)).toMatchObject([{ event: { data: 2 } }, { event: { data: 3 } }])
    const following = bench.start(['topics', 'read', 'follow.it', '--follow'])
    await following.printed(/ 3\n/)
    await json('publish', 'follow.it', '4')
    await following.printed(/ 4\n/)
    following.child.kill('SIGINT')
    expect(await following.ended).toMatchObject({ code: 0, stderr: '' })
  })
})
