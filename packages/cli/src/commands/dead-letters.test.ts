import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

let scenes = 0
let subscription: string
let positions: readonly string[]

/** Three events of one key, of which the first is a dead letter, and one of another key, which is one too. */
beforeEach(async () => {
  const { broker, caller } = bench
  const topic = `shop.scene-${(scenes += 1)}`
  subscription = `mail.scene-${scenes}`
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
  const events = ['k', 'k', 'k', 'other'].map((key, index) => ({
    event: { id: `e${index}`, source: 'shop', type: topic, key, data: new TextEncoder().encode(`{"n":${index}}`) },
  }))
  const answers = await broker.publish(caller, { topic, events })
  positions = answers.map((answer) => (answer.status === 'stored' ? answer.position : ''))
  const { deliveries } = await broker.pull(caller, { subscription, max: 10, waitMs: 5_000 })
  const outcomes = deliveries.toReversed().flatMap(({ lease, event: { id } }) => {
    return id === 'e1' || id === 'e2' ? [{ lease, action: 'release' } as const] : []
  })
  await broker.settle(caller, { subscription, outcomes })
  const failed = deliveries.filter(({ event: { id } }) => id === 'e0' || id === 'e3')
  const reason = 'no\u001b[31m address'
  const letters = failed.map(({ lease }) => ({ lease, action: 'dead-letter', reason }) as const)
  await broker.settle(caller, { subscription, outcomes: letters })
})

describe('dead-letters', () => {
  test('list shows each with its reason, harmless to the terminal', async () => {
    const { code, stdout } = await bench.tidings('dead-letters', 'list', subscription)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^POSITION +AT +TYPE +KEY +ATTEMPTS +PARKED +REASON +REPLACED +PAYLOAD\n/)
    expect(stdout).toMatch(/ k +1 +2 +no\\u001b\[31m address +- +\{"n":0\}\n/)
    expect(stdout).not.toContain('\u001b')
    const lines = jsonLines((await bench.tidings('dead-letters', 'list', subscription, '--json')).stdout)
    expect(lines).toMatchObject([
      {
        position: positions[0],
        reason: 'no\u001b[31m address',
        attempts: 1,
        parked: 2,
        event: { id: 'e0', data: { n: 0 } },
      },
      { position: positions[3], parked: 0, event: { id: 'e3' } },
    ])
    const first = jsonLines((await bench.tidings('dead-letters', 'list', subscription, '--json', '--max', '1')).stdout)
    expect(first).toHaveLength(1)
  })

  test('redrive hands one back; a second time it is refused with exit code 1', async () => {
    const words = ['dead-letters', 'redrive', subscription, positions[0]!]
    expect(await bench.tidings(...words)).toMatchObject({ code: 0, stdout: `${positions[0]}  redriven\n` })
    expect(await bench.broker.stats(bench.caller, subscription)).toMatchObject({ dead: 1, parked: 0 })
    const again = await bench.tidings(...words, '--json')
    expect(again.code).toBe(1)
    expect(jsonLines(again.stdout)).toMatchObject([{ results: [{ status: 'refused', code: 'dead-letter-unknown' }] }])
  })

  test('replace hands one back as it was rewritten; a letter that was edited needs --edit', async () => {
    const words = ['dead-letters', 'replace', subscription, positions[3]!, '{"n":"three"}']
    const replaced = { edit: 1, by: 'operator' }
    expect(jsonLines((await bench.tidings(...words, '--json')).stdout)).toMatchObject([{ replaced }])
    const { deliveries } = await bench.broker.pull(bench.caller, { subscription, max: 1 })
    expect(new TextDecoder().decode(deliveries[0]?.event.data)).toBe('{"n":"three"}')
    const outcome = { lease: deliveries[0]!.lease, action: 'dead-letter', reason: 'no' } as const
    await bench.broker.settle(bench.caller, { subscription, outcomes: [outcome] })
    expect((await bench.tidings('dead-letters', 'list', subscription)).stdout).toContain('edit 1, operator, ')
    const explained = (await bench.tidings('explain', subscription, positions[3]!)).stdout
    expect(explained).toMatch(/\n {2}replaced by operator at .*: edit 1\n/)
    expect(explained).toContain(`redrive ${subscription} ${positions[3]} --edit 1\n`)
    expect(await bench.tidings(...words)).toMatchObject({ code: 1, stderr: expect.stringContaining('edit 1') })
    const redrive = ['dead-letters', 'redrive', subscription, positions[3]!]
    expect(await bench.tidings(...redrive)).toMatchObject({ code: 1, stdout: expect.stringContaining('refused') })
    expect(await bench.tidings(...redrive, '--edit', '1')).toMatchObject({ code: 0 })
  })

  test('discard insists on --yes and gives one up', async () => {
    const words = ['dead-letters', 'discard', subscription, positions[0]!]
    expect(await bench.tidings(...words)).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
    // The second one is parked and can only be let go on.
    const shown = await bench.tidings(...words, positions[1]!, '--dry-run', '--json')
    expect(jsonLines(shown.stdout)).toEqual([{ subscription, positions: [positions[0]], discarded: false }])
    expect(await bench.tidings(...words, '--yes')).toMatchObject({ code: 0, stdout: `${positions[0]}  discarded\n` })
    expect(await bench.broker.stats(bench.caller, subscription)).toMatchObject({ dead: 1, discarded: 1 })
    const again = await bench.tidings(...words, '--yes', '--json')
    expect(again.code).toBe(1)
    const message = expect.stringContaining('"settled"')
    expect(jsonLines(again.stdout)).toMatchObject([{ results: [{ status: 'refused', message }] }])
  })

  test('redrive --all insists on --yes, shows with --dry-run which, and hands all back', async () => {
    const words = ['dead-letters', 'redrive', subscription, '--all']
    expect(await bench.tidings(...words)).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
    const preview = jsonLines((await bench.tidings(...words, '--dry-run', '--json')).stdout)
    expect(preview).toEqual([{ subscription, deadLetters: [positions[0], positions[3]], redriven: false }])
    expect(await bench.broker.stats(bench.caller, subscription)).toMatchObject({ dead: 2 })
    expect(await bench.tidings(...words, '--yes')).toMatchObject({ code: 0 })
    expect(await bench.broker.stats(bench.caller, subscription)).toMatchObject({ dead: 0 })
    expect(await bench.tidings(...words)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('no dead'),
    })
  })
})

describe('redrives', () => {
  test('start shows with --dry-run how many, insists on --yes; list shows how it ended, and stop stops one', async () => {
    const words = ['redrives', 'start', subscription, '--key', 'other', '--reason', 'no']
    const preview = jsonLines((await bench.tidings(...words, '--dry-run', '--json')).stdout)
    expect(preview).toMatchObject([{ deadLetters: 1, positions: [positions[3]], started: false }])
    expect(await bench.tidings(...words)).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
    const slow = ['--canary', '--per-second', '0.01', '--yes', '--json']
    const [{ redrive }] = jsonLines((await bench.tidings(...words, ...slow)).stdout) as [{ redrive: string }]
    const { deliveries } = await bench.broker.pull(bench.caller, { subscription, max: 1, waitMs: 5_000 })
    expect(deliveries[0]?.event.id).toBe('e3')
    const stopped = await bench.tidings('redrives', 'stop', subscription, redrive, '--json')
    expect(jsonLines(stopped.stdout)).toMatchObject([{ redrive, status: 'stopped' }])
    const listed = (await bench.tidings('redrives', 'list', subscription)).stdout
    expect(listed).toMatch(/^REDRIVE +BY +BEGUN +STATUS +HANDED BACK +REASON\n/)
    expect(listed).toContain('operator stopped it.')
    const future = ['redrives', 'start', subscription, '--after', '2099-01-01', '--dry-run', '--json']
    expect(jsonLines((await bench.tidings(...future)).stdout)).toMatchObject([{ deadLetters: 0 }])
  })
})

describe('explain', () => {
  test('says by position or by identity where an event stands, and what to do', async () => {
    const dead = await bench.tidings('explain', subscription, positions[0]!)
    expect(dead.stdout).toContain(`\n  redrive: tidings dead-letters redrive ${subscription} ${positions[0]}\n`)
    const parked = await bench.tidings('explain', subscription, 'shop', 'e1', '--json')
    expect(jsonLines(parked.stdout)).toEqual([
      { subscription, position: positions[1], state: 'parked', key: 'k', deadLetter: positions[0], actions: [] },
    ])
    expect((await bench.tidings('explain', subscription, 'shop', 'e1')).stdout).toContain('behind the dead letter')
    await bench.tidings('dead-letters', 'redrive', subscription, positions[0]!)
    expect((await bench.tidings('explain', subscription, positions[0]!)).stdout).toContain('ready: ')
    expect((await bench.tidings('explain', subscription, positions[1]!)).stdout).toContain(`behind: ${positions[0]} is`)
  })

  test('says of an unknown event that it is not there', async () => {
    const { code, stderr } = await bench.tidings('explain', subscription, 'shop', 'nobody')
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('does not hold this event') })
  })
})

describe('services replace', () => {
  test('insists on --yes and lets the other database in', async () => {
    const { broker, caller } = bench
    await broker.registerService(caller, { service: 'crm', database: 'first' })
    const words = ['services', 'replace', 'crm', 'second']
    expect(await bench.tidings(...words)).toMatchObject({ code: 2 })
    expect(jsonLines((await bench.tidings(...words, '--dry-run', '--json')).stdout)).toMatchObject([
      { replaced: false },
    ])
    await expect(broker.registerService(caller, { service: 'crm', database: 'second' })).rejects.toThrow(/crm/)
    const replaced = await bench.tidings(...words, '--yes', '--json')
    expect(jsonLines(replaced.stdout)).toEqual([{ service: 'crm', database: 'second', replaced: true }])
    await broker.registerService(caller, { service: 'crm', database: 'second' })
  })
})

describe('scheduled', () => {
  test('list shows what is due when, explain how to cancel it, and cancel takes it back', async () => {
    const { broker, caller } = bench
    const topic = `shop.scene-${scenes}`
    const extensions = { deliverat: '2099-05-01T08:00:00Z' }
    const data = new TextEncoder().encode('{"order":"late"}')
    const event = { id: 'later', source: 'shop', type: topic, extensions, data }
    const [answer] = await broker.publish(caller, { topic, events: [{ event }] })
    const position = answer?.status === 'stored' ? answer.position : ''
    // What nobody asks for is not read, and so not known to wait.
    await broker.pull(caller, { subscription, max: 100 })
    const listed = jsonLines((await bench.tidings('scheduled', 'list', subscription, '--json')).stdout)
    expect(listed).toMatchObject([{ position, at: Date.parse(extensions.deliverat), event: { id: 'later' } }])
    expect((await bench.tidings('scheduled', 'list', subscription)).stdout).toMatch(/2099-05-01.*\{"order":"late"\}\n$/)
    const { stdout } = await bench.tidings('subscriptions', 'stats', subscription)
    expect(stdout).toMatch(/^ {2}scheduled +1\n {2}not looked at +0$/m)
    const words = ['scheduled', 'cancel', subscription, position]
    expect((await bench.tidings('explain', subscription, position)).stdout).toContain(
      `\n  cancel: tidings ${words.join(' ')}\n`,
    )
    expect(await bench.tidings(...words)).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
    expect(await bench.tidings(...words, '--yes')).toMatchObject({ code: 0, stdout: `${position}  cancelled\n` })
    const again = jsonLines((await bench.tidings(...words, '--yes', '--json')).stdout)
    expect(again).toMatchObject([{ results: [{ status: 'refused', code: 'scheduled-unknown' }] }])
    const woken = await bench.tidings('subscriptions', 'wake', subscription, position, '--json')
    expect(jsonLines(woken.stdout)).toEqual([{ subscription, woken: 0 }])
  })
})
