import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { caller, createBench, ids, mails, type Bench, type ServiceProcess } from './bench.fixture.ts'
import { stores } from './store.fixture.ts'

const names = (...range: readonly [number, number]): string[] =>
  Array.from({ length: range[1] - range[0] + 1 }, (_, index) => `m${range[0] + index}`)

describe.each(stores)('what waits in an outbox in %s and is more than one call takes', (kind) => {
  let bench: Bench
  let service: ServiceProcess

  beforeEach(async (test) => {
    bench = await createBench(test, { kind })
    service = await bench.process({ batchRows: 2 })
    await service.relay()
  })
  afterEach(() => bench.stop())

  const mail = (ids: readonly string[]): Promise<void> => service.write({ mails: ids.map((id) => ({ id, key: id })) })
  const published = async (): Promise<string[]> => ids(await bench.published(mails))
  const pending = async (): Promise<number> => (await service.outbox.stats()).pending

  test('goes out in its order, each once, with what is written meanwhile behind it', async () => {
    await mail(names(1, 7))
    await service.outbox.tick()
    await mail(names(8, 9))
    await service.relay()
    await service.relay()
    expect(await published()).toEqual(names(1, 9))
    expect(await pending()).toBe(0)
    const next = await bench.process()
    await next.relay()
    await mail(names(10, 11))
    await next.relay()
    expect(await published()).toEqual(names(1, 11))
  })

  test('goes on behind the part of a call that the broker took', async () => {
    await mail(names(1, 6))
    let calls = 0
    bench.faults.publish = (_, { topic, events }) => {
      calls += 1
      return bench.broker.publish(caller, { topic, events: calls === 1 ? events.slice(0, 1) : events })
    }
    await service.relay()
    expect(await published()).toEqual(names(1, 6))
    expect(await pending()).toBe(0)
  })

  test('goes on behind what is refused, which keeps the later ones of its key', async () => {
    await service.write({ mails: names(1, 6).map((id, index) => ({ id, key: index % 2 === 0 ? 'odd' : 'even' })) })
    bench.faults.publish = async (_, { topic, events }) => {
      const kept = events.filter(({ event }) => event.id !== 'm1')
      const answers = await bench.broker.publish(caller, { topic, events: kept })
      if (kept.length === events.length) return answers
      return [{ status: 'refused', code: 'schema-violation', message: 'It has no text.' }, ...answers]
    }
    await service.relay()
    expect(await published()).toEqual(['m2', 'm4', 'm6'])
    expect((await service.outbox.held()).map(({ id }) => id)).toHaveLength(3)
  })

  test('is not sent again by who owned the relay before and owns it again', async () => {
    await mail(names(1, 6))
    await service.outbox.tick()
    const other = await bench.process()
    await other.relay()
    await other.kill()
    const sent: string[] = []
    bench.faults.publish = (_, { topic, events }) => {
      sent.push(...events.map(({ event }) => event.id))
      return bench.broker.publish(caller, { topic, events })
    }
    await mail(names(7, 9))
    while (!(await service.outbox.stats()).owner) {
      await bench.environment.advance(1_000)
      await service.relay()
    }
    await service.relay()
    expect(await published()).toEqual(names(1, 9))
    expect(await pending()).toBe(0)
    expect(sent).toEqual(names(7, 9))
  })
})
