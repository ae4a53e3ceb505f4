import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allowAll, createBroker } from 'tidings/broker'
import { embeddedEngine } from 'tidings/engines/embedded'
import type { Event } from 'tidings/event'
import type { Rate } from './report.ts'

export interface PublishRun {
  readonly messages: number
  /** Messages in flight. */
  readonly window: number
  readonly kind: 'entity' | 'event'
  readonly payloadBytes: number
}

const keys = 10_000
/** Half of a payload is random. */
const noise = Array.from({ length: 64 }, () => Math.random().toString(36).slice(2).repeat(20))

export function eventOf(number: number, payloadBytes: number): Event {
  const half = noise[number % noise.length]!.slice(0, payloadBytes / 2)
  return {
    id: `e${number}`,
    source: '/bench',
    type: 'bench.thing.updated',
    key: `k${(number * 7_919) % keys}`,
    time: '2030-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    data: Buffer.from(`{"noise":"${half}","text":"`.padEnd(payloadBytes - 2, 'x') + '"}'),
  }
}

/** Keeps `window` calls in flight until all messages are answered. */
export function closedLoop(
  run: Pick<PublishRun, 'messages' | 'window'>,
  send: (number: number) => Promise<unknown>,
): Promise<Rate> {
  return new Promise((resolve, reject) => {
    const cpu = process.cpuUsage()
    const start = performance.now()
    let sent = 0
    let answered = 0
    const next = (): void => {
      sent += 1
      send(sent).then(() => {
        answered += 1
        if (sent < run.messages) next()
        else if (answered === run.messages) {
          const { user, system } = process.cpuUsage(cpu)
          const seconds = (performance.now() - start) / 1_000
          resolve({ perSecond: run.messages / seconds, cpuSecondsPerMillion: (user + system) / run.messages })
        }
      }, reject)
    }
    for (let index = 0; index < Math.min(run.window, run.messages); index++) next()
  })
}

/** One append for each message, straight to the engine. */
export function engineRate(run: PublishRun): Promise<Rate> {
  return inFolder(async (path) => {
    const topic = { namespace: 'default', topic: 'bench.thing' }
    await using engine = embeddedEngine({ path })
    await engine.start()
    await engine.log.create(topic, { kind: run.kind, shards: 1 })
    const rate = await closedLoop(run, (number) =>
      engine.log.append(topic, [{ event: eventOf(number, run.payloadBytes), shard: 0 }]),
    )
    const { head } = (await engine.log.describe(topic))!
    if (head !== run.messages) throw new Error(`${run.messages} messages were answered and ${head} are stored.`)
    return rate
  })
}

/** One publish for each message, through the local broker. */
export function brokerRate(run: PublishRun): Promise<Rate> {
  return inFolder(async (path) => {
    const caller = { namespace: 'default', principal: 'bench' }
    await using broker = createBroker({ engine: embeddedEngine({ path }), authorize: allowAll })
    await broker.start()
    await broker.putTopic(caller, { topic: 'bench.thing', kind: run.kind, owner: 'bench' })
    const rate = await closedLoop(run, async (number) => {
      const event = eventOf(number, run.payloadBytes)
      const [answer] = await broker.publish(caller, { topic: 'bench.thing', events: [{ event }] })
      if (answer?.status !== 'stored') throw new Error(`Message ${number} was answered ${JSON.stringify(answer)}.`)
    })
    const { head } = await broker.topic(caller, 'bench.thing')
    if (!head.endsWith(`.${run.messages}`))
      throw new Error(`${run.messages} messages were answered; the head is ${head}.`)
    return rate
  })
}

export async function inFolder<Result>(work: (path: string) => Promise<Result>): Promise<Result> {
  const path = mkdtempSync(join(tmpdir(), 'tidings-bench-'))
  try {
    return await work(path)
  } finally {
    rmSync(path, { recursive: true })
  }
}
