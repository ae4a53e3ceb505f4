import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { RoundFigures } from '@tidings/tools/torture-rounds'
import { connect } from 'tidings'
import type { Broker } from 'tidings/broker'
import { mulberry32 } from 'tidings/testing'
import { expect } from 'vitest'
import { caller, clients, Crew, expectKept, subscription, topic } from './crew.fixture.ts'
import { readAll, serverProgram, startProcess, untilAnswered } from './kill.fixture.ts'

const backlogTopic = 'load.backlog'
const backlogSubscription = 'load.behind'
const backlogBatch = 500
const data = new TextEncoder().encode('x'.repeat(200))

export interface KillSize {
  readonly kills: number
  /** Events that a subscription has before it all the time. */
  readonly backlog: number
}

/**
 * A server is killed at random moments while three processes publish and three handle, some of which are killed too.
 * Everything that was acknowledged is there, once and in order; nothing comes again after its settle was answered.
 */
export async function playKills(seed: number, { kills, backlog }: KillSize): Promise<RoundFigures> {
  const random = mulberry32(seed)
  const path = await mkdtemp(join(tmpdir(), 'tidings-kills-'))
  const store = join(path, 'store')
  const readyMs: number[] = []
  let server = await startProcess(serverProgram, store, '0')
  const url = server.line
  const crew = new Crew(url)
  try {
    const broker = connect(url, { WebSocket: null })
    await putTopics(broker, backlog)
    await crew.start()
    for (let kill = 0; kill < kills; kill++) {
      await crew.progress()
      await pause(random() * 100)
      await server.kill()
      if (random() < 0.25) await crew.replaceConsumer(Math.floor(random() * clients))
      const startedAt = performance.now()
      server = await startProcess(serverProgram, store, new URL(url).port)
      while (!(await fetch(`${url}/health/ready`)).ok) await pause(1)
      readyMs.push(performance.now() - startedAt)
      const behind = await untilAnswered(() => broker.stats(caller, backlogSubscription))
      expect(behind.pending, 'the backlog').toBe(backlog)
    }
    await crew.stopProducers()
    while ((await broker.stats(caller, subscription)).pending > 0) await pause(20)
    await crew.stopConsumers()
    const stored = await readAll(broker, caller, topic)
    expectKept(crew, stored)
    return {
      counts: {
        kills,
        stored: stored.length,
        acknowledged: crew.acknowledged.reduce((sum, told) => sum + told, 0),
        lost: 0,
      },
      timesMs: { [`ready again with ${backlog} events of backlog`]: readyMs },
    }
  } finally {
    await Promise.all([server.kill(), crew.kill()])
    await rm(path, { recursive: true })
  }
}

async function putTopics(broker: Broker, backlog: number): Promise<void> {
  for (const each of [topic, backlogTopic]) await broker.putTopic(caller, { topic: each, kind: 'event', owner: 'load' })
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
  await broker.putSubscription(caller, {
    subscription: backlogSubscription,
    topic: backlogTopic,
    from: 'beginning',
  })
  for (let first = 0; first < backlog; first += backlogBatch) {
    const events = Array.from({ length: backlogBatch }, (_, index) => {
      const id = String(first + index)
      return { event: { id, source: '/load', type: backlogTopic, key: id, data } }
    })
    await broker.publish(caller, { topic: backlogTopic, events })
  }
}
