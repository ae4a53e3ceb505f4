import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
  await bench.broker.putTopic(bench.caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
  const events = ['1', '2', '3'].map((id) => ({ event: { id, source: 'shop', type: 'shop.order', key: 'k' } }))
  await bench.broker.publish(bench.caller, { topic: 'shop.order', events })
})
afterAll(() => bench[Symbol.asyncDispose]())

async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await bench.tidings('--json', ...words)
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return jsonLines(stdout)[0]!
}

const onOrders = ['--topic', 'shop.order', '--from', 'beginning']

describe('subscriptions create', () => {
  test('takes filter and policy; show and list know it', async () => {
    const policy = ['--on-dead-letter', 'supersede', '--max-attempts', '3', '--quick-delays-ms', '5,50']
    const delays = ['--min-delay-ms', '100', '--max-delay-ms', '1000', '--types', 'a.b,c.d']
    const created = await json('subscriptions', 'create', 'mail.all', ...onOrders, ...policy, ...delays)
    expect(created).toMatchObject({
      subscription: 'mail.all',
      topic: 'shop.order',
      generation: 1,
      filter: { types: ['a.b', 'c.d'] },
      policy: {
        onDeadLetter: 'supersede',
        retry: { maxAttempts: 3, quickDelaysMs: [5, 50], minDelayMs: 100, maxDelayMs: 1000 },
      },
    })
    expect(await json('subscriptions', 'show', 'mail.all')).toMatchObject({ policy: created['policy'] })
    const listed = await json('subscriptions', 'list', '--topic', 'shop.order')
    expect(listed['subscriptions']).toMatchObject([{ subscription: 'mail.all' }])
    expect(await json('subscriptions', 'list', '--topic', 'no.such')).toEqual({ subscriptions: [] })
    const { stdout } = await bench.tidings('subscriptions', 'show', 'mail.all')
    expect(stdout).toMatch(/retries +after 5 ms, 50 ms, then 100 ms to 1 s apart, 3 attempts in all/)
  })

  test('sets after what time it expires, keeps that over other changes, and takes it away with "none"', async () => {
    const created = await json('subscriptions', 'create', 'mail.idle', ...onOrders, '--expires-after', '7d')
    expect(created).toMatchObject({ policy: { expiresAfterMs: 604_800_000 } })
    const { stdout } = await bench.tidings('subscriptions', 'show', 'mail.idle')
    expect(stdout).toMatch(/^expires +7 d after the last consumer$/m)
    const update = ['subscriptions', 'create', 'mail.idle', '--update']
    expect(await json(...update, '--rate', '7')).toMatchObject({ policy: { expiresAfterMs: 604_800_000 } })
    const { policy } = await json(...update, '--expires-after', 'none')
    expect(policy).not.toHaveProperty('expiresAfterMs')
  })

  test('sets limits of flow, changes them one by one, and takes them away with "none"', async () => {
    const limits = ['--max-in-flight', '5', '--rate', '0.5', '--burst', '3']
    const created = await json('subscriptions', 'create', 'mail.slow', ...onOrders, ...limits)
    expect(created).toMatchObject({ policy: { maxInFlight: 5, rate: { perSecond: 0.5, burst: 3 } } })
    const { stdout } = await bench.tidings('subscriptions', 'show', 'mail.slow')
    expect(stdout).toMatch(/^in flight +at most 5$/m)
    expect(stdout).toMatch(/^rate +0.5 a second, 3 at once$/m)
    const update = ['subscriptions', 'create', 'mail.slow', '--update']
    expect(await json(...update, '--burst', '4')).toMatchObject({
      policy: { maxInFlight: 5, rate: { perSecond: 0.5, burst: 4 } },
    })
    expect(await json(...update, '--rate', '7')).toMatchObject({ policy: { rate: { perSecond: 7, burst: 7 } } })
    const { policy } = await json(...update, '--rate', 'none', '--max-in-flight', 'none')
    expect(Object.keys(policy as object)).not.toContain('rate')
    expect(Object.keys(policy as object)).not.toContain('maxInFlight')
    expect(await bench.tidings(...update, '--burst', '4')).toMatchObject({ code: 2 })
    expect(await bench.tidings(...update, '--rate', 'fast')).toMatchObject({ code: 2 })
  })

  test('takes a filter by attributes, keeps it with an update of something else, and drops it for {}', async () => {
    const filter = { prefix: { subject: 'eu/' } }
    const created = await json('subscriptions', 'create', 'mail.eu', ...onOrders, '--filter', JSON.stringify(filter))
    expect(created).toMatchObject({ filter })
    const { stdout } = await bench.tidings('subscriptions', 'show', 'mail.eu')
    expect(stdout).toMatch(/^filter +{"prefix":{"subject":"eu\/"}}$/m)
    const typed = await json('subscriptions', 'create', 'mail.eu', '--update', '--types', 'a')
    expect(typed['filter']).toEqual({ types: ['a'], ...filter })
    const dropped = await json('subscriptions', 'create', 'mail.eu', '--update', '--filter', '{}')
    expect(dropped['filter']).toEqual({ types: ['a'] })
    for (const wrong of ['prefix', '[]', '"a"']) {
      const refused = await bench.tidings('subscriptions', 'create', 'mail.eu', '--update', '--filter', wrong)
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('JSON object') })
    }
    const unknown = await bench.tidings('subscriptions', 'create', 'mail.eu', '--update', '--filter', '{"sql":"true"}')
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('none of exact, prefix') })
  })

  test('coalesces, and takes that back with "none"', async () => {
    const urgent = { exact: { subject: 'revoked' } }
    const words = ['--coalesce-ms', '5000', '--urgent', JSON.stringify(urgent)]
    const created = await json('subscriptions', 'create', 'mail.few', ...onOrders, ...words)
    expect(created).toMatchObject({ policy: { coalesce: { intervalMs: 5_000, urgent }, onDeadLetter: 'supersede' } })
    const { stdout } = await bench.tidings('subscriptions', 'show', 'mail.few')
    expect(stdout).toMatch(/^coalesced +one event per key in 5 s; urgent are {"exact":{"subject":"revoked"}}$/m)
    const update = ['subscriptions', 'create', 'mail.few', '--update']
    expect(await json(...update, '--coalesce-ms', '50')).toMatchObject({
      policy: { coalesce: { intervalMs: 50, urgent } },
    })
    const refused = await bench.tidings(...update, '--on-dead-letter', 'park')
    expect(refused).toMatchObject({ stderr: expect.stringContaining('contradict each other') })
    const { policy } = await json(...update, '--coalesce-ms', 'none')
    expect(Object.keys(policy as object)).not.toContain('coalesce')
    expect(await bench.tidings(...update, '--urgent', '{}')).toMatchObject({ code: 2 })
  })

  test('takes priorities, keeps them with an update of something else, and refuses others', async () => {
    const [first, second] = [{ exact: { type: 'alarm' } }, { types: ['a'] }]
    const words = ['--priority', JSON.stringify(first), '--priority', JSON.stringify(second)]
    const created = await json('subscriptions', 'create', 'mail.first', ...onOrders, ...words)
    expect(created).toMatchObject({ policy: { priorities: [first, second] } })
    const { stdout } = await bench.tidings('subscriptions', 'show', 'mail.first')
    expect(stdout).toMatch(/^priority 0 +{"exact":{"type":"alarm"}}$/m)
    const update = ['subscriptions', 'create', 'mail.first', '--update']
    const updated = await json(...update, '--max-attempts', '3')
    expect(updated).toMatchObject({ policy: { priorities: [first, second], retry: { maxAttempts: 3 } } })
    const refused = await bench.tidings(...update, '--priority', '{"types":["b"]}')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('make another subscription') })
    expect(await bench.tidings(...update, '--priority', '[]')).toMatchObject({ code: 2 })
  })

  test('delays what it hands out, and takes that back with "none"', async () => {
    const created = await json('subscriptions', 'create', 'mail.later', ...onOrders, '--delay', '90s')
    expect(created).toMatchObject({ policy: { delayMs: 90_000 } })
    const { stdout } = await bench.tidings('subscriptions', 'show', 'mail.later')
    expect(stdout).toMatch(/^delay +1 min 30 s$/m)
    const update = ['subscriptions', 'create', 'mail.later', '--update', '--delay']
    expect(await json(...update, 'none')).toMatchObject({ policy: { delayMs: 0 } })
    expect(await bench.tidings(...update, 'soon')).toMatchObject({ code: 2, stderr: expect.stringContaining('soon') })
  })

  test('keeps what it does not speak of: the delay too', async () => {
    const definition = { subscription: 'mail.late', topic: 'shop.order', from: 'end', policy: { delayMs: 5_000 } }
    await bench.broker.putSubscription(bench.caller, definition)
    const updated = await json('subscriptions', 'create', 'mail.late', '--update', '--max-attempts', '3')
    expect(updated).toMatchObject({ policy: { delayMs: 5_000, retry: { maxAttempts: 3 } } })
  })

  test('may be repeated, and changes a subscription with --update only', async () => {
    await json('subscriptions', 'create', 'mail.repeat', ...onOrders, '--max-attempts', '3')
    await json('subscriptions', 'create', 'mail.repeat', ...onOrders)
    const refused = await bench.tidings('subscriptions', 'create', 'mail.repeat', ...onOrders, '--max-attempts', '4')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('add --update') })
    const updated = await json('subscriptions', 'create', 'mail.repeat', '--update', '--on-dead-letter', 'continue')
    // What an update does not speak of stays.
    expect(updated).toMatchObject({ policy: { onDeadLetter: 'continue', retry: { maxAttempts: 3 } } })
    expect(await bench.tidings('subscriptions', 'create', 'not.there', '--update')).toMatchObject({ code: 2 })
  })
})

test('subscriptions stats counts what is open', async () => {
  await json('subscriptions', 'create', 'mail.stats', ...onOrders)
  await bench.broker.pull(bench.caller, { subscription: 'mail.stats', max: 1, waitMs: 5_000 })
  const stats = await json('subscriptions', 'stats', 'mail.stats')
  expect(stats).toMatchObject({ topic: 'shop.order', pending: 3, leased: 1, acknowledged: 0, dead: 0 })
  const { stdout } = await bench.tidings('subscriptions', 'stats', 'mail.stats')
  expect(stdout).toMatch(/^pending +3$/m)
  expect(stdout).toMatch(/^ {2}leased +1$/m)
})

describe('subscriptions pause and resume', () => {
  test('stop and go on; show, stats and explain say so', async () => {
    await json('subscriptions', 'create', 'mail.pause', ...onOrders)
    const paused = await json('subscriptions', 'pause', 'mail.pause')
    expect(paused).toMatchObject({ subscription: 'mail.pause', paused: { by: expect.any(String) } })
    expect(await json('subscriptions', 'stats', 'mail.pause')).toMatchObject({ paused: paused['paused'], pending: 3 })
    const { stdout } = await bench.tidings('subscriptions', 'show', 'mail.pause')
    expect(stdout).toMatch(/^paused +since \d{4}-.*, by /m)
    const explained = await bench.tidings('explain', 'mail.pause', 'shop', '1')
    expect(explained.stdout).toContain('tidings subscriptions resume mail.pause')
    expect(await json('subscriptions', 'resume', 'mail.pause')).not.toHaveProperty('paused')
    expect(await json('subscriptions', 'stats', 'mail.pause')).not.toHaveProperty('paused')
  })
})

describe('subscriptions seek', () => {
  test('insists on --yes, shows with --dry-run what it would do, and moves', async () => {
    await json('subscriptions', 'create', 'mail.seek', '--topic', 'shop.order', '--from', 'end')
    const words = ['subscriptions', 'seek', 'mail.seek', 'beginning', '--effects', 'run']
    expect(await bench.tidings(...words)).toMatchObject({ code: 2, stderr: expect.stringContaining('Say --yes') })
    expect(await json(...words, '--dry-run')).toMatchObject({
      to: 'beginning',
      effects: 'run',
      generation: 1,
      events: 3,
      again: 3,
      deadLetters: 0,
      leftOut: 0,
      moved: false,
    })
    const later = ['subscriptions', 'seek', 'mail.seek', '2099-05-01T08:00:00Z', '--dry-run']
    expect(await json(...later)).toMatchObject({ to: { time: Date.parse('2099-05-01T08:00:00Z') }, events: 0 })
    const never = await bench.tidings('subscriptions', 'seek', 'mail.seek', '2099-99-01', '--dry-run')
    expect(never).toMatchObject({ code: 2, stderr: expect.stringContaining('is no time') })
    expect(await json('subscriptions', 'show', 'mail.seek')).toMatchObject({ generation: 1 })
    expect(await json(...words, '--yes')).toMatchObject({ generation: 2 })
    expect(await json('subscriptions', 'stats', 'mail.seek')).toMatchObject({ generation: 2, pending: 3 })
  })

  test('bounds what comes again with --per-second, and says so', async () => {
    await json('subscriptions', 'create', 'mail.gentle', ...onOrders)
    const words = ['subscriptions', 'seek', 'mail.gentle', 'beginning', '--yes']
    expect(await json(...words, '--per-second', '0.001')).toMatchObject({ seekRate: { perSecond: 0.001 } })
    const { stdout } = await bench.tidings('subscriptions', 'show', 'mail.gentle')
    expect(stdout).toMatch(/^seek +0\.001 a second until /m)
    const explained = await bench.tidings('explain', 'mail.gentle', 'shop', '1')
    expect(explained.stdout).toContain('the last seek')
    expect(await json(...words)).not.toHaveProperty('seekRate')
    expect(await bench.tidings(...words, '--per-second', 'slow')).toMatchObject({ code: 2 })
  })

  test('refuses a position that its topic never gave, before anybody is asked', async () => {
    await json('subscriptions', 'create', 'mail.far', ...onOrders)
    const malformed = await bench.tidings('subscriptions', 'seek', 'mail.far', 'nonsense', '--dry-run')
    expect(malformed).toMatchObject({ code: 2, stderr: expect.stringContaining('"nonsense" is not a position') })
    const foreign = await bench.tidings('subscriptions', 'seek', 'mail.far', 'otherlife.1', '--dry-run')
    expect(foreign).toMatchObject({ code: 1, stderr: expect.stringContaining('another life') })
  })
})

test('subscriptions remove insists on --yes and says what would be lost', async () => {
  await json('subscriptions', 'create', 'mail.remove', ...onOrders)
  const words = ['subscriptions', 'remove', 'mail.remove']
  expect(await bench.tidings(...words)).toMatchObject({ code: 2 })
  expect(await json(...words, '--dry-run')).toMatchObject({ pending: 3, dead: 0, removed: false })
  expect(await bench.tidings(...words, '--yes')).toMatchObject({
    code: 0,
    stdout: 'Removed the subscription mail.remove with 3 pending events and 0 dead letters.\n',
  })
  expect(await bench.tidings('subscriptions', 'show', 'mail.remove')).toMatchObject({ code: 1 })
})
