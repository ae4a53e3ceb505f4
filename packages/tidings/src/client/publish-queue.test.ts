import { describe, expect, it } from 'vitest'
import type { PublishAnswer, PublishedEvent } from '../broker/port/events.ts'
import { TidingsError } from '../errors.ts'
import { PublishQueue } from './publish-queue.ts'

const unknown = new TidingsError('unavailable', 'no answer')
const refusal = new TidingsError('event-invalid', 'one of them is at fault')
const behind: PublishAnswer = { status: 'refused', code: 'behind-refused', message: 'behind' }
const refused: PublishAnswer = { status: 'refused', code: 'schema-violation', message: 'no' }

describe('publish()', () => {
  it('sends what is published at once in one batch, in order, and answers each call for itself', async () => {
    const wire = new Wire()
    const answers = Promise.all([wire.publish('1'), wire.publish('2', '3'), wire.publish()])
    await wire.answer(['1', '2', '3'])
    expect(await answers).toEqual([[stored('1')], [stored('2'), stored('3')], []])
  })

  it('has at most one batch in flight and shares the next among what came meanwhile', async () => {
    const wire = new Wire()
    const first = wire.publish('1')
    const sent = await wire.sent()
    const later = Promise.all([wire.publish('2'), wire.publish('3')])
    expect(wire.inFlight).toBe(1)
    sent.answer()
    await first
    await wire.answer(['2', '3'])
    await later
    expect(wire.mostInFlight).toBe(1)
  })

  it('rejects what waits behind a batch of which nothing is known, and takes new calls after it', async () => {
    const wire = new Wire()
    const first = wire.publish('1')
    const sent = await wire.sent()
    const second = wire.publish('2')
    sent.fail(unknown)
    await expect(first).rejects.toBe(unknown)
    await expect(second).rejects.toBe(unknown)
    const again = wire.publish('1', '2')
    await wire.answer(['1', '2'])
    expect(await again).toEqual([stored('1'), stored('2')])
  })

  it('sends calls one by one when their batch was refused, so that each gets its own answer', async () => {
    const wire = new Wire()
    const [good, bad, after] = [wire.publish('good'), wire.publish('bad'), wire.publish('after')]
    await wire.fail(['good', 'bad', 'after'], refusal)
    await wire.answer(['good'])
    await wire.fail(['bad'], refusal)
    await wire.answer(['after'])
    expect(await good).toEqual([stored('good')])
    await expect(bad).rejects.toBe(refusal)
    expect(await after).toEqual([stored('after')])
  })

  it("sends again what was held back behind another call's refused event, in order", async () => {
    const wire = new Wire()
    const calls = [wire.publishKeyed('a1 a'), wire.publishKeyed('a2 a', 'b1 b'), wire.publishKeyed('a3 a')]
    const first = await wire.sent()
    expect(first.ids).toEqual(['a1', 'a2', 'b1', 'a3'])
    const answers: Record<string, PublishAnswer> = { a1: refused, a2: behind, a3: behind }
    first.answer((id) => answers[id] ?? stored(id))
    await wire.answer(['a2', 'a3'])
    expect(await Promise.all(calls)).toEqual([[refused], [stored('a2'), stored('b1')], [stored('a3')]])
  })

  it('tells a call what was held back behind its own refused event', async () => {
    const wire = new Wire()
    const calls = [wire.publish('other'), wire.publishKeyed('a1 a', 'a2 a')]
    const answers: Record<string, PublishAnswer> = { a1: refused, a2: behind }
    ;(await wire.sent()).answer((id) => answers[id] ?? stored(id))
    expect(await Promise.all(calls)).toEqual([[stored('other')], [refused, behind]])
  })

  it('cuts a long call, and holds back the rest of a key that was refused', async () => {
    const wire = new Wire()
    const long = Array.from({ length: 1_002 }, (_, index) => `${index} ${index % 2 === 0 ? 'even' : 'odd'}`)
    const call = wire.publishKeyed(...long)
    const first = await wire.sent()
    expect(first.ids).toHaveLength(1_000)
    first.answer((id) => (id === '998' ? refused : stored(id)))
    await wire.answer(['1001'])
    const answers = await call
    expect(answers[998]).toBe(refused)
    expect(answers[1_000]).toMatchObject({ status: 'refused', code: 'behind-refused' })
    expect(answers[1_001]).toEqual(stored('1001'))
  })

  it('cuts batches by their bytes too', async () => {
    const wire = new Wire()
    const data = new Uint8Array(3_000_000)
    const call = wire.queue.publish(['1', '2'].map((id) => ({ event: { id, source: 's', type: 't', data } })))
    await wire.answer(['1'])
    await wire.answer(['2'])
    expect(await call).toHaveLength(2)
  })

  it('is idle when everything was answered', async () => {
    const wire = new Wire()
    const call = wire.publish('1')
    const idle = wire.queue.idle()
    await wire.answer(['1'])
    await Promise.all([call, idle])
  })
})

interface SentBatch {
  readonly ids: readonly string[]
  answer(answerOf?: (id: string) => PublishAnswer): void
  fail(error: Error): void
}

/** The other end, which answers when a test says so. */
class Wire {
  readonly queue: PublishQueue
  inFlight = 0
  mostInFlight = 0
  readonly #batches: SentBatch[] = []
  #arrived: () => void = () => undefined

  constructor() {
    this.queue = new PublishQueue((events) => this.#send(events))
  }

  publish(...ids: string[]): Promise<readonly PublishAnswer[]> {
    return this.queue.publish(ids.map((id) => ({ event: { id, source: 's', type: 't' } })))
  }

  /** Each event as `id key`. */
  publishKeyed(...events: string[]): Promise<readonly PublishAnswer[]> {
    const split = events.map((each) => each.split(' ') as [string, string])
    return this.queue.publish(split.map(([id, key]) => ({ event: { id, key, source: 's', type: 't' } })))
  }

  async sent(): Promise<SentBatch> {
    for (;;) {
      const batch = this.#batches.shift()
      if (batch) return batch
      await new Promise<void>((resolve) => (this.#arrived = resolve))
    }
  }

  async answer(ids: readonly string[]): Promise<void> {
    const batch = await this.#sentAs(ids)
    batch.answer()
  }

  async fail(ids: readonly string[], error: Error): Promise<void> {
    const batch = await this.#sentAs(ids)
    batch.fail(error)
  }

  async #sentAs(ids: readonly string[]): Promise<SentBatch> {
    const batch = await this.sent()
    if (batch.ids.join() !== ids.join()) throw new Error(`The batch holds ${batch.ids.join()}, not ${ids.join()}.`)
    return batch
  }

  #send(events: readonly PublishedEvent[]): Promise<readonly PublishAnswer[]> {
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight)
    return new Promise<readonly PublishAnswer[]>((resolve, reject) => {
      const ids = events.map(({ event }) => event.id)
      this.#batches.push({ ids, answer: (answerOf = stored) => resolve(ids.map(answerOf)), fail: reject })
      this.#arrived()
    }).finally(() => this.inFlight--)
  }
}

function stored(id: string): PublishAnswer {
  return { status: 'stored', position: `life.${id}` }
}
