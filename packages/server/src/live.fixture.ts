import type { Broker, Caller, FollowReset } from 'tidings/broker'
import type { Engine } from 'tidings/engine'
import type { ServerMessage } from 'tidings/protocol'
import { WebSocket } from 'ws'
import { openBench, type Bench } from './bench.fixture.ts'

export const caller: Caller = { namespace: 'default', principal: 'tester' }
export const topic = 'things.odd'

export const limits = { pingIntervalMs: 300 }

/** Publishes events whose key is the first letter of their id; answers their positions. */
export async function publish(broker: Broker, ...ids: string[]): Promise<string[]> {
  const data = new TextEncoder().encode('{\n "big": 9223372036854775807 }')
  const events = ids.map((id) => ({
    event: { id, source: 's', type: topic, key: id[0]!, data, extensions: { correlationid: `c${id}` } },
  }))
  const answers = await broker.publish(caller, { topic, events })
  return answers.map((answer) => (answer.status === 'stored' ? answer.position : ''))
}

export async function openShop(options: Parameters<typeof openBench>[0] = {}): Promise<Bench> {
  const bench = await openBench({ limits, ...options })
  await bench.broker.putTopic(caller, { topic, kind: 'event', owner: 'tester' })
  return bench
}

export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** What came of server-sent events, as the text that it is. */
export class Source implements AsyncDisposable {
  readonly response: Response
  readonly ended: Promise<void>
  text = ''
  readonly #abort: AbortController
  #isPaused = false
  #changed: () => void = () => undefined

  private constructor(response: Response, abort: AbortController) {
    this.response = response
    this.#abort = abort
    this.ended = this.#read(response.body!.getReader()).catch(() => undefined)
  }

  static async open(url: string, init: RequestInit = {}): Promise<Source> {
    const abort = new AbortController()
    const response = await fetch(url, { ...init, signal: abort.signal })
    if (response.status !== 200) throw new Error(await response.text())
    return new Source(response, abort)
  }

  /** The first block that holds this. */
  async block(part: string): Promise<string> {
    for (;;) {
      const found = this.text
        .split('\n\n')
        .slice(0, -1)
        .find((each) => each.includes(part))
      if (found !== undefined) return found
      await new Promise<void>((resolve) => (this.#changed = resolve))
    }
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    await this.ended
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    for (;;) {
      while (this.#isPaused) await new Promise((resolve) => setTimeout(resolve, 5))
      const { done, value } = await reader.read()
      if (done) return
      this.text += decoder.decode(value, { stream: true })
      this.#changed()
    }
  }
}

/** A client on a WebSocket that knows JSON and nothing else. */
export class Plain {
  readonly webSocket: WebSocket
  readonly #messages: ServerMessage[] = []
  #changed: () => void = () => undefined

  private constructor(webSocket: WebSocket) {
    this.webSocket = webSocket
    webSocket.on('message', (data: Buffer) => {
      this.#messages.push(JSON.parse(data.toString()) as ServerMessage)
      this.#changed()
    })
  }

  static async open({ base }: Bench): Promise<Plain> {
    const plain = new Plain(new WebSocket(`${base.replace('http', 'ws')}/stream`))
    await new Promise((resolve) => plain.webSocket.once('open', resolve))
    plain.send({ type: 'hello', protocol: 1, features: [], namespace: 'default', principal: 'tester' })
    await plain.next('welcome')
    return plain
  }

  send(message: object): void {
    this.webSocket.send(JSON.stringify(message))
  }

  async next(type: ServerMessage['type']): Promise<ServerMessage> {
    for (;;) {
      const place = this.#messages.findIndex((message) => message.type === type)
      if (place !== -1) return this.#messages.splice(place, 1)[0]!
      await new Promise<void>((resolve) => (this.#changed = resolve))
    }
  }
}

export interface Reads {
  /** How many records were read of the log. */
  records: number
  /** How many want hints of it. */
  watching: number
}

/** An engine that counts what is read of its logs. */
export function counted(engine: Engine): { engine: Engine; reads: Reads } {
  const reads: Reads = { records: 0, watching: 0 }
  const log: Engine['log'] = new Proxy(engine.log, {
    get(target, name: keyof Engine['log']) {
      const own = (target[name] as (...given: unknown[]) => unknown).bind(target)
      if (name === 'read') {
        return async (...given: Parameters<Engine['log']['read']>) => {
          const page = await target.read(...given)
          reads.records += page.records.length
          return page
        }
      }
      if (name !== 'watch') return own
      return (...given: Parameters<Engine['log']['watch']>) => {
        reads.watching++
        const end = target.watch(...given)
        return () => {
          reads.watching--
          end()
        }
      }
    },
  })
  return { engine: { ...engine, log, start: () => engine.start(), stop: () => engine.stop() }, reads }
}

export const floodEvents = 400
const floodBytes = 100_000

/** Far more than a network holds on its way. */
export async function flood(broker: Broker): Promise<void> {
  const data = new Uint8Array(floodBytes)
  for (let number = 0; number < floodEvents; number += 20) {
    const events = Array.from({ length: 20 }, (_, index) => ({
      event: { id: `f${number + index}`, source: 's', type: topic, data },
    }))
    await broker.publish(caller, { topic, events })
  }
}

/** Waits until nothing more is read for a while. */
export async function settled(reads: Reads): Promise<void> {
  for (let before = -1; before !== reads.records;) {
    before = reads.records
    await new Promise((resolve) => setTimeout(resolve, 1_500))
  }
}

/** Follows the topic and remembers what it was told. */
export async function watch(broker: Broker) {
  const seen = {
    ids: [] as string[],
    states: [] as ('stale' | 'live')[],
    resets: [] as FollowReset[],
    closed: undefined as Error | undefined,
    close: (): void => undefined,
  }
  const follower = await broker.follow(caller, {
    topic,
    onEvents: (events) => void seen.ids.push(...events.map(({ event }) => event.id)),
    onReset: (reset) => void seen.resets.push(reset),
    onStale: () => seen.states.push('stale'),
    onLive: () => seen.states.push('live'),
    onClosed: (reason) => (seen.closed = reason),
  })
  seen.close = () => follower.close()
  return seen
}
