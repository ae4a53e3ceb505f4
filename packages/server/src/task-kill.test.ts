import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'tidings'
import type { Broker, Outcome } from 'tidings/broker'
import { mulberry32 } from 'tidings/testing'
import { expect, it } from 'vitest'
import { serverProgram, startProcess, untilAnswered } from './kill.fixture.ts'

const caller = { namespace: 'default', principal: 'operator' }
const tasks = 'bank.check-credit'
const replies = 'operator.answers'
const subscription = 'bank.work'
const keys = 5
const lives = 8

it(
  'after kill -9 at 8 random moments every task that was acknowledged has one answer, in the order of its key',
  { timeout: 120_000 },
  async () => {
    const path = await mkdtemp(join(tmpdir(), 'tidings-task-kill-'))
    const random = mulberry32(11)
    let server = await startProcess(serverProgram, join(path, 'store'), '0')
    try {
      const { port } = new URL(server.line)
      const broker = connect(server.line, { WebSocket: null })
      await broker.putTopic(caller, { topic: tasks, kind: 'task', owner: 'bank' })
      await broker.putTopic(caller, { topic: replies, kind: 'event', owner: 'operator', replies: true })
      await broker.putSubscription(caller, { subscription, topic: tasks, from: 'beginning' })
      const state = { sent: 0, answered: 0, stopping: false }
      const sending = send(broker, state)
      const working = Promise.all([work(broker, state), work(broker, state)])
      for (let life = 0; life < lives; life++) {
        // Only a server at work can lose or repeat an answer.
        const before = state.answered
        while (state.answered === before) await pause(5)
        await pause(random() * 50)
        await server.kill()
        server = await startProcess(serverProgram, join(path, 'store'), port)
      }
      state.stopping = true
      await sending
      await working
      // Whatever a killed server had committed comes with the first look at the subscription, and soon.
      const wanted = Array.from({ length: state.sent }, (_, index) => index)
      let found: number[] = []
      for (let look = 0; look < 500 && found.length < wanted.length; look++) {
        await untilAnswered(() => broker.stats(caller, subscription))
        found = await answers(broker)
        await pause(20)
      }
      expect(found.toSorted((left, right) => left - right)).toEqual(wanted)
      for (let key = 0; key < keys; key++) {
        const ofKey = found.filter((number) => number % keys === key)
        expect(ofKey).toEqual(ofKey.toSorted((left, right) => left - right))
      }
    } finally {
      await server.kill()
      await rm(path, { recursive: true })
    }
  },
)

interface State {
  sent: number
  answered: number
  stopping: boolean
}

async function send(broker: Broker, state: State): Promise<void> {
  while (!state.stopping) {
    const id = String(state.sent)
    const event = { id, source: '/asker', type: tasks, key: `k${state.sent % keys}`, extensions: { replyto: replies } }
    await untilAnswered(() => broker.publish(caller, { topic: tasks, events: [{ event }] }))
    state.sent += 1
    await pause(2)
  }
}

async function work(broker: Broker, state: State): Promise<void> {
  for (;;) {
    const { deliveries } = await untilAnswered(() =>
      broker.pull(caller, { subscription, max: 10, waitMs: 1_000, leaseMs: 1_000 }),
    )
    if (deliveries.length === 0 && state.stopping) {
      const { pending } = await untilAnswered(() => broker.stats(caller, subscription))
      if (pending === 0) return
    }
    const outcomes = deliveries.map(({ lease, event }): Outcome => {
      return { lease, action: 'ack', result: { data: new TextEncoder().encode(event.id) } }
    })
    // Where the answer is lost nobody knows what became of it: the next pull tells.
    const settled = await broker.settle(caller, { subscription, outcomes }).catch(() => [])
    state.answered += settled.filter(({ status }) => status === 'settled').length
  }
}

async function answers(broker: Broker): Promise<number[]> {
  const found: number[] = []
  for (let after = 'beginning', head = ''; after !== head;) {
    const page = await untilAnswered(() => broker.read(caller, { topic: replies, after, limit: 1_000 }))
    found.push(...page.events.map(({ event }) => Number(event.extensions?.['causationid'])))
    after = page.until
    head = page.head
  }
  return found
}
