import { spawn } from 'node:child_process'
import { Agent, request } from 'node:http'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { connect, type Broker } from 'tidings'
import { encodeEvent } from 'tidings/event'
import { WebSocket } from 'ws'
import { closedLoop, eventOf, inFolder, type PublishRun } from './publish.ts'
import type { Rate } from './report.ts'

export interface Peer {
  readonly url: string
  /** It stands still, as if its machine had, until it goes on. */
  pause(): void
  goOn(): void
  stop(): void
}

const caller = { namespace: 'default', principal: 'operator' }
const topic = 'bench.thing'
const subscription = 'operator.bench'
const batch = 100
const inHand = 1_000

export async function startPeer(...words: string[]): Promise<Peer> {
  const program = new URL('peer.js', import.meta.url).pathname
  const child = spawn(process.execPath, [program, ...(words.length > 0 ? words : ['nothing'])], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string]
  return {
    url,
    pause: () => void child.kill('SIGSTOP'),
    goOn: () => void child.kill('SIGCONT'),
    stop: () => child.stdin.end(),
  }
}

/** L7: what node:http takes in at most, in events a second: bodies as large as 100 events, a server that only answers. */
export async function postRate({ url }: Peer, run: PublishRun): Promise<Rate> {
  const body = Buffer.concat(Array.from({ length: batch }, (_, index) => encodeEvent(eventOf(index, run.payloadBytes))))
  const agent = new Agent({ keepAlive: true, maxSockets: 10 })
  const post = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request(url, { method: 'POST', agent }, (response) => response.resume().on('end', resolve))
      sent.on('error', reject).end(body)
    })
  const rate = await closedLoop({ ...run, messages: run.messages / batch, window: 10 }, post)
  agent.destroy()
  return { perSecond: rate.perSecond * batch, cpuSecondsPerMillion: (rate.cpuSecondsPerMillion ?? 0) / batch }
}

/** One publish call for each message, coalesced by the client. */
export function remotePublishRate(run: PublishRun): Promise<Rate> {
  return withServer(async (broker) => {
    const rate = await publishAll(broker, run)
    const { head } = await broker.topic(caller, topic)
    if (!head.endsWith(`.${run.messages}`))
      throw new Error(`${run.messages} messages were answered; the head is ${head}.`)
    return rate
  })
}

/** A stream whose deliveries are settled one by one, in calls that hold whatever has come meanwhile. */
export function consumeRate(run: PublishRun): Promise<Rate> {
  return withServer(async (broker) => {
    await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
    await publishAll(broker, run)
    const cpu = process.cpuUsage()
    const start = performance.now()
    await settleAll(broker, run.messages)
    const { user, system } = process.cpuUsage(cpu)
    const seconds = (performance.now() - start) / 1_000
    const { acknowledged } = await broker.stats(caller, subscription)
    if (acknowledged !== run.messages) throw new Error(`${run.messages} messages were sent, ${acknowledged} settled.`)
    return { perSecond: run.messages / seconds, cpuSecondsPerMillion: (user + system) / run.messages }
  })
}

async function settleAll(broker: Broker, messages: number): Promise<void> {
  let settled = 0
  await new Promise<void>((resolve, reject) => {
    const opening = broker.stream(caller, {
      subscription,
      holder: 'bench',
      onClosed: reject,
      onDeliveries: (deliveries) => {
        const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'ack' as const }))
        broker.settle(caller, { subscription, outcomes }).then(async () => {
          settled += outcomes.length
          if (settled === messages) resolve()
          ;(await opening).grant(outcomes.length)
        }, reject)
      },
    })
    opening.then((stream) => stream.grant(inHand), reject)
  })
}

async function publishAll(broker: Broker, run: PublishRun): Promise<Rate> {
  return closedLoop(run, async (number) => {
    const event = eventOf(number, run.payloadBytes)
    const [answer] = await broker.publish(caller, { topic, events: [{ event }] })
    if (answer?.status !== 'stored') throw new Error(`Message ${number} was answered ${JSON.stringify(answer)}.`)
  })
}

function withServer(work: (broker: Broker) => Promise<Rate>): Promise<Rate> {
  return inFolder(async (path) => {
    const peer = await startPeer('store', path)
    const broker = connect(peer.url, { WebSocket })
    await broker.start()
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'bench' })
    const rate = await work(broker)
    await broker.stop()
    peer.stop()
    return rate
  })
}
