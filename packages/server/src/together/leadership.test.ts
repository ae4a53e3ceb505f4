import { memoryEngine } from 'tidings/engines/memory'
import { TidingsError } from 'tidings'
import type { Engine, Ledger } from 'tidings/engine'
import { simulatedEnvironment, type SimulatedEnvironment } from 'tidings/testing'
import { afterEach, expect, test } from 'vitest'
import { Leadership, type View } from './leadership.ts'

const engines: Engine[] = []
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop()
})

/** A store that servers share, each of which a test can cut off from it or let stand still. */
async function bench() {
  const environment = simulatedEnvironment()
  const engine = memoryEngine({ environment })
  engines.push(engine)
  await engine.start()
  return {
    environment,
    ledger: engine.ledger,
    server: (name: string, own = environment) => new Member(name, engine.ledger, own),
  }
}

class Member {
  readonly leadership: Leadership
  readonly views: View[] = []
  readonly reports: string[] = []
  isCutOff = false
  isStopped = false

  constructor(name: string, ledger: Ledger, environment: SimulatedEnvironment) {
    const ask = <Result>(call: () => Promise<Result>): Promise<Result> => {
      if (this.isCutOff) return Promise.reject(new TidingsError('unavailable', 'It is out of reach.'))
      return this.isStopped ? new Promise(() => undefined) : call()
    }
    this.leadership = new Leadership({
      ledger: {
        own: (...values) => ask(() => ledger.own(...values)),
        owner: (...values) => ask(() => ledger.owner(...values)),
        load: (...values) => ask(() => ledger.load(...values)),
        commit: (...values) => ask(() => ledger.commit(...values)),
        remove: (...values) => ask(() => ledger.remove(...values)),
      },
      environment,
      address: `${name}:7070`,
      asksForTokens: false,
      onChange: (view) => this.views.push(view),
      report: (message) => this.reports.push(message),
    })
  }

  get state(): string {
    const { view } = this.leadership
    return view.state === 'following' ? `follows ${view.leader.address}` : view.state
  }
}

test('the first server leads at once, and the next ones follow it, wherever it is', async () => {
  const { environment, server } = await bench()
  const [first, second] = [server('one'), server('two')]
  await first.leadership.start()
  expect(first.state).toBe('leading')
  expect(first.leadership.isSure()).toBe(true)
  await second.leadership.start()
  expect(second.state).toBe('follows one:7070')
  await environment.advance(600_000)
  expect([first.state, second.state]).toEqual(['leading', 'follows one:7070'])
  expect(first.views).toHaveLength(1)
})

test('a leader that falls silent is replaced by one server after ten seconds, and not before', async () => {
  const { environment, server } = await bench()
  const [first, second, third] = [server('one'), server('two'), server('three')]
  for (const { leadership } of [first, second, third]) await leadership.start()
  await environment.advance(60_000)
  first.isStopped = true
  await environment.advance(9_500)
  expect([second.state, third.state]).toEqual(['follows one:7070', 'follows one:7070'])
  await environment.advance(4_000)
  expect([second.state, third.state].toSorted()).toEqual([
    expect.stringMatching(/^follows (two|three):7070$/),
    'leading',
  ])
})

test('a leader is not sure to lead any more before somebody else can', async () => {
  const { environment, server } = await bench()
  const [first, second] = [server('one'), server('two')]
  for (const { leadership } of [first, second]) await leadership.start()
  await environment.advance(7_000)
  first.isCutOff = true
  let wasUnsure = false
  while (second.state !== 'leading') {
    wasUnsure ||= !first.leadership.isSure()
    expect(wasUnsure && first.leadership.isSure()).toBe(false)
    await environment.advance(100)
  }
  expect(wasUnsure).toBe(true)
})

test('a leader that was replaced while it was cut off learns it when the store answers, and follows', async () => {
  const { environment, server } = await bench()
  const [first, second] = [server('one'), server('two')]
  for (const { leadership } of [first, second]) await leadership.start()
  first.isCutOff = true
  await environment.advance(20_000)
  expect([first.state, second.state]).toEqual(['leading', 'leading'])
  expect([first, second].map(({ leadership }) => leadership.isSure())).toEqual([false, true])
  first.isCutOff = false
  await environment.advance(3_000)
  expect([first.state, second.state]).toEqual(['follows two:7070', 'leading'])
  expect(first.reports).toEqual(['The store does not say who leads.', 'The store answers again.'])
})

test('a leader that nobody could see because the store was away is not taken for silent', async () => {
  const { environment, server } = await bench()
  const [first, second] = [server('one'), server('two')]
  for (const { leadership } of [first, second]) await leadership.start()
  first.isCutOff = true
  second.isCutOff = true
  await environment.advance(120_000)
  second.isCutOff = false
  await environment.advance(1_000)
  first.isCutOff = false
  await environment.advance(60_000)
  expect([first.state, second.state]).toEqual(['leading', 'follows one:7070'])
})

test('whoever resigns lets another one lead within a second, and whoever steps down leaves it to others first', async () => {
  const { environment, server } = await bench()
  const [first, second, third] = [server('one'), server('two'), server('three')]
  for (const { leadership } of [first, second]) await leadership.start()
  await first.leadership.stop()
  await environment.advance(1_000)
  expect(second.state).toBe('leading')
  await third.leadership.start()
  await second.leadership.stepDown()
  await environment.advance(2_500)
  expect([second.state, third.state]).toEqual(['follows three:7070', 'leading'])
})

test('a server that steps down with nobody else there leads again after a pause', async () => {
  const { environment, server } = await bench()
  const only = server('one')
  await only.leadership.start()
  await only.leadership.stepDown()
  await environment.advance(2_000)
  expect(only.state).toBe('looking')
  await environment.advance(2_000)
  expect(only.state).toBe('leading')
})

test('a process that listens where the leader did goes on at once in its place', async () => {
  const { server } = await bench()
  const before = server('one')
  await before.leadership.start()
  before.isStopped = true
  const after = server('one')
  await after.leadership.start()
  expect(after.state).toBe('leading')
})

test('a jump of the wall clock replaces nobody', async () => {
  const { environment, server } = await bench()
  const [first, second] = [server('one'), server('two')]
  for (const { leadership } of [first, second]) await leadership.start()
  environment.jump(3_600_000)
  await environment.advance(10_000)
  environment.jump(-7_200_000)
  await environment.advance(10_000)
  expect([first.state, second.state]).toEqual(['leading', 'follows one:7070'])
})
