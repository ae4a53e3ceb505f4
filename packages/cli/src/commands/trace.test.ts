import { afterAll, beforeAll, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'

const topic = 'crm.customer'
let bench: Bench

beforeAll(async () => {
  bench = await openBench()
  const { broker, caller } = bench
  await broker.putTopic(caller, { topic, kind: 'entity', owner: 'crm' })
  await broker.putSubscription(caller, { subscription: 'mail.copy', topic, from: 'beginning' })
  await broker.putSubscription(caller, {
    subscription: 'sales.vip',
    topic,
    from: 'end',
    filter: { types: ['crm.vip'] },
  })
  const published = [
    { id: '1', type: `${topic}.created`, sequence: '1', time: '2026-01-01T10:00:00Z' },
    { id: '2', type: `${topic}.updated`, sequence: '3' },
    { id: '3', type: `${topic}.updated`, sequence: '2', time: '2026-01-01T12:00:00.5+02:00' },
  ]
  const events = published.map((each) => ({ event: { ...each, source: 'crm', key: 'c1' } }))
  await broker.publish(caller, { topic, events })
  const { deliveries } = await broker.pull(caller, { subscription: 'mail.copy', max: 1 })
  const [{ lease } = { lease: '' }] = deliveries
  await broker.settle(caller, { subscription: 'mail.copy', outcomes: [{ lease, action: 'ack' }] })
})
afterAll(() => bench[Symbol.asyncDispose]())

test('tidings trace tells the life of one key, the oldest first, with the times that somebody keeps', async () => {
  const { code, stdout } = await bench.tidings('trace', topic, 'c1')
  expect(code).toBe(0)
  const stored = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z  stored     \w+\.`
  const lines = [
    String.raw`2026-01-01T10:00:00\.000Z  committed  crm\.customer\.created  version 1`,
    `${stored}1`,
    String.raw` {24}  settled    mail\.copy: acknowledged.*`,
    String.raw` {24}  filtered   sales\.vip: .*`,
    String.raw`\(nobody kept the time\)    committed  crm\.customer\.updated  version 3`,
    `${stored}2`,
    String.raw` {24}  ready      mail\.copy: the next consumer gets it.*`,
    String.raw` {24}  filtered   sales\.vip: .*`,
    String.raw`2026-01-01T10:00:00\.500Z  committed  crm\.customer\.updated  version 2`,
    String.raw`${stored}3 \(older than what was there: nobody gets it\)`,
  ]
  const found = stdout.split('\n')
  for (const [index, line] of lines.entries()) expect(found[index]).toMatch(new RegExp(`^(${line})$`))
})

test('tidings trace --json has each event with where it stands', async () => {
  const { stdout } = await bench.tidings('trace', topic, 'c1', '--json', '--max', '1')
  const [trace] = jsonLines(stdout)
  expect(trace).toMatchObject({
    topic,
    key: 'c1',
    isPartial: true,
    events: [{ stale: true, event: { id: '3' }, at: [{ subscription: 'mail.copy' }, { subscription: 'sales.vip' }] }],
  })
})

test('tidings trace says that it has found nothing', async () => {
  const { code, stdout } = await bench.tidings('trace', topic, 'nobody')
  expect(code).toBe(0)
  expect(stdout).toContain('no event of the key "nobody"')
})

test('tidings trace of a topic that is not there says so', async () => {
  const { code, stderr } = await bench.tidings('trace', 'no.such', 'c1')
  expect(code).not.toBe(0)
  expect(stderr).toContain('no.such')
})
