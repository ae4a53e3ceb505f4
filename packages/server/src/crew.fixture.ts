import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import { startProcess, type RunningProcess } from './kill.fixture.ts'

export const caller = { namespace: 'default', principal: 'operator' }
/** What they publish to, and from where they handle it; whoever starts them makes both. */
export const topic = 'load.event'
export const subscription = 'load.all'
/** So many publish, and so many handle. */
export const clients = 3

/** Publishes batches of ten through every outage, and says up to which number everything was acknowledged. */
const producerProgram = `
  import { setTimeout as pause } from 'node:timers/promises'
  import { connect } from 'tidings'
  const [url, name] = process.argv.slice(1)
  const broker = connect(url, { WebSocket: null })
  let stopping = false
  process.once('SIGTERM', () => (stopping = true))
  console.log('started')
  for (let last = 0; !stopping; last += 10) {
    const events = Array.from({ length: 10 }, (_, index) => {
      const number = last + index + 1
      return { event: { id: name + '-' + number, source: '/load', type: '${topic}', key: name + '/' + (number % 7) } }
    })
    for (;;) {
      try {
        const answers = await broker.publish(${JSON.stringify(caller)}, { topic: '${topic}', events })
        if (answers.some(({ status }) => status === 'refused')) throw new Error(JSON.stringify(answers))
        break
      } catch (error) {
        if (error.retryable !== true) throw error
        await pause(10)
      }
    }
    console.log(last + 10)
    await pause(30)
  }
  process.exit(0)
`

/** Handles events and says when, on the clock that all processes of the machine share. */
const consumerProgram = `
  import { connect, consume } from 'tidings'
  import { WebSocket } from 'ws'
  const broker = connect(process.argv[1], { WebSocket })
  const say = (what, { event }) => console.log(what + ' ' + process.hrtime.bigint() + ' ' + event.id)
  const consumer = consume({
    broker,
    caller: ${JSON.stringify(caller)},
    subscription: '${subscription}',
    handle: async (delivery) => (say('handled', delivery), { action: 'ack' }),
    onSettled: (delivery) => say('settled', delivery),
  })
  consumer.start()
  process.once('SIGTERM', () => void consumer.stop().then(() => process.exit(0)))
  console.log('started')
`

/** The processes that publish and handle, and what they were told. */
export class Crew {
  readonly #urls: readonly string[]
  #producers: readonly RunningProcess[] = []
  readonly #consumers: RunningProcess[] = []
  /** Consumers that are gone said something too. */
  readonly #all: RunningProcess[] = []

  /** They spread over the servers. */
  constructor(...urls: readonly string[]) {
    this.#urls = urls
  }

  #url(index: number): string {
    return this.#urls[index % this.#urls.length]!
  }

  async start(): Promise<void> {
    const names = Array.from({ length: clients }, (_, index) => `p${index}`)
    this.#producers = await Promise.all(
      names.map((name, index) => startProcess(producerProgram, this.#url(index), name)),
    )
    for (let index = 0; index < clients; index++) await this.#startConsumer(index)
  }

  async #startConsumer(index: number): Promise<void> {
    const started = await startProcess(consumerProgram, this.#url(index))
    this.#consumers[index] = started
    this.#all.push(started)
  }

  /** Resolves when something was acknowledged and something handled since the call: only who works can lose anything. */
  async progress(): Promise<void> {
    const counts = (): readonly number[] => [
      this.#producers.reduce((sum, { lines }) => sum + lines.length, 0),
      this.#consumers.reduce((sum, { lines }) => sum + lines.length, 0),
    ]
    const before = counts()
    while (counts().some((count, index) => count === before[index])) {
      const gone = [...this.#producers, ...this.#consumers].find((each) => !each.isAlive())
      if (gone) throw new Error(`A client ended by itself; it said ${gone.lines.length} lines.`)
      await pause(2)
    }
  }

  async replaceConsumer(index: number): Promise<void> {
    await this.#consumers[index]?.kill()
    await this.#startConsumer(index)
  }

  stopProducers(): Promise<unknown> {
    return stopAll(this.#producers)
  }

  stopConsumers(): Promise<unknown> {
    return stopAll(this.#consumers)
  }

  async kill(): Promise<void> {
    await Promise.all([...this.#producers, ...this.#all].map((each) => each.kill()))
  }

  /** Up to which number each producer was told that everything is stored. */
  get acknowledged(): readonly number[] {
    return this.#producers.map(({ lines }) => Number(lines.at(-1) ?? 0))
  }

  /** What consumers said, in the order in which it happened. */
  get said(): readonly { readonly what: string; readonly id: string }[] {
    return this.#all
      .flatMap(({ lines }) => lines.map((line) => line.split(' ')))
      .map(([what = '', at = '', id = '']) => ({ what, at: BigInt(at), id }))
      .toSorted((left, right) => (left.at < right.at ? -1 : 1))
  }
}

/** Everything that was acknowledged is there, once and in order; nothing came again after its settle was answered. */
export function expectKept({ acknowledged, said }: Crew, stored: readonly string[]): void {
  const distinct = new Set(stored)
  expect(distinct.size, 'stored twice').toBe(stored.length)
  for (const [index, told] of acknowledged.entries()) {
    const numbers = stored.filter((id) => id.startsWith(`p${index}-`)).map((id) => numberOf(id))
    expect(numbers).toEqual(numbers.map((_, before) => before + 1))
    expect(numbers.length, 'acknowledged').toBeGreaterThanOrEqual(told)
  }
  const handled = new Set<string>()
  const settled = new Set<string>()
  const cameAgain = new Set<string>()
  for (const { what, id } of said) {
    if (what === 'settled') settled.add(id)
    else if (settled.has(id)) cameAgain.add(id)
    else handled.add(id)
  }
  expect(cameAgain, 'came again after its settle was answered').toEqual(new Set())
  expect(handled).toEqual(distinct)
  const newest = new Map<string, number>()
  for (const id of handled) {
    const key = `${id.split('-')[0]}/${numberOf(id) % 7}`
    expect(numberOf(id), `order of ${key}`).toBeGreaterThan(newest.get(key) ?? 0)
    newest.set(key, numberOf(id))
  }
}

async function stopAll(processes: readonly RunningProcess[]): Promise<void> {
  for (const each of processes) each.signal('SIGTERM')
  await Promise.all(processes.map(({ ended }) => ended))
}

function numberOf(id: string): number {
  return Number(id.split('-')[1])
}
