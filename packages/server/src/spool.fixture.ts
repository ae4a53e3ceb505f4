import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { systemEnvironment, type Environment } from 'tidings'
import { allowAll, createBroker, type Broker } from 'tidings/broker'
import { memoryEngine } from 'tidings/engines/memory'
import { compileSchema } from './schemas.ts'
import { createServer, type Server } from './server.ts'

export const caller = { namespace: 'default', principal: 'tester' }
export const topic = 'things.odd'

export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** A broker whose server comes and goes at one address, and whose clock can be moved on. */
export class Shop {
  readonly broker: Broker
  url = ''
  #server: Server | undefined
  readonly #pass: (milliseconds: number) => void

  private constructor(broker: Broker, pass: (milliseconds: number) => void) {
    this.broker = broker
    this.#pass = pass
  }

  static async open(): Promise<Shop> {
    let passedMs = 0
    const { clock, ...rest } = systemEnvironment
    const environment: Environment = { ...rest, clock: { ...clock, now: () => clock.now() + passedMs } }
    const broker = createBroker({
      engine: memoryEngine({ environment }),
      authorize: allowAll,
      compileSchema,
      environment,
    })
    await broker.start()
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'tester', schemas: { [topic]: { type: 'object' } } })
    const shop = new Shop(broker, (milliseconds) => (passedMs += milliseconds))
    await shop.up()
    return shop
  }

  pass(milliseconds: number): void {
    this.#pass(milliseconds)
  }

  async up(): Promise<void> {
    if (this.#server) return
    const port = this.url === '' ? 0 : Number(new URL(this.url).port)
    this.#server = createServer({ broker: this.broker, port })
    await this.#server.start()
    this.url = this.#server.url
  }

  async down(): Promise<void> {
    await this.#server?.stop()
    this.#server = undefined
  }

  async ids(of: string = topic): Promise<string[]> {
    const ids: string[] = []
    for (let after = 'beginning'; ;) {
      const page = await this.broker.read(caller, { topic: of, after, limit: 1_000 })
      ids.push(...page.events.map((each) => each.event.id))
      if (page.until === page.head) return ids
      after = page.until
    }
  }

  async stored(count: number): Promise<void> {
    await until(async () => (await this.ids()).length >= count)
  }

  /** Waits until all of these are there. */
  async settled(expected: readonly string[]): Promise<string[]> {
    for (;;) {
      const ids = await this.ids()
      const there = new Set(ids)
      if (expected.every((id) => there.has(id))) return ids
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async close(): Promise<void> {
    await this.down()
    await this.broker.stop()
  }
}

/** The way to a server that a test cuts in one place or another. */
export class Line {
  isCut = false
  losesAnswers = false
  readonly fetch: typeof fetch = async (...request) => {
    if (this.isCut) throw new TypeError('fetch failed')
    const response = await fetch(...request)
    if (this.losesAnswers) throw new TypeError('fetch failed')
    return response
  }
}

const program = `
  import { connect } from 'tidings'
  import { fileSpool } from 'tidings/spool'
  const [url, folder, life] = process.argv.slice(1)
  const broker = connect(url, { WebSocket: null, spool: fileSpool({ folder }) })
  await broker.start()
  console.log('started')
  const caller = { namespace: 'default', principal: 'tester' }
  const data = new TextEncoder().encode('{}')
  const write = async (key) => {
    for (let number = Number(life) * 1_000_000; ; number++) {
      const event = { id: key + number, source: 's', type: '${topic}', key, data }
      const [{ status }] = await broker.publish(caller, { topic: '${topic}', events: [{ event }] })
      console.log(event.id + ' ' + status)
    }
  }
  await Promise.all(['a', 'b', 'c'].map(write))
`

/** A process that publishes as fast as it can and says what it was told, once it was told. */
export class Publisher {
  readonly lines: string[] = []
  readonly pid: number | undefined
  readonly #child: ChildProcess
  #changed: () => void = () => undefined

  private constructor(child: ChildProcess) {
    this.#child = child
    this.pid = child.pid
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.lines.push(line)
      this.#changed()
    })
  }

  static async start(url: string, path: string, life: number): Promise<Publisher> {
    const stdio = ['ignore', 'pipe', 'inherit'] as const
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program, url, path, String(life)], {
      cwd: import.meta.dirname,
      stdio: [...stdio],
    })
    const publisher = new Publisher(child)
    await publisher.said(1)
    return publisher
  }

  async said(lines: number): Promise<void> {
    while (this.lines.length < lines && this.#child.exitCode === null) {
      await new Promise<void>((resolve) => (this.#changed = resolve))
    }
  }

  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.kill('SIGKILL')
    await ended
  }
}
