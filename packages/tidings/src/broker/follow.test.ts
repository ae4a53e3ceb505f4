import { expect, it } from 'vitest'
import type { Engine } from '../engine/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { systemEnvironment } from '../environment/index.ts'
import { allowAll, createBroker, type FollowRequest, type PositionedEvent } from './index.ts'

const caller = { namespace: 'default', principal: 'tester' }
const topic = 'shop.order'

/** A follower that is held up by its first event until the test lets it go on. */
async function heldUp() {
  const engine = memoryEngine()
  const broker = createBroker({ engine, authorize: allowAll })
  await broker.start()
  const create = () => broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await create()
  const publish = async (...ids: string[]): Promise<void> => {
    await broker.publish(caller, { topic, events: ids.map((id) => ({ event: { id, source: 's', type: topic } })) })
  }
  const told: string[] = []
  let letGo: () => void = () => undefined
  let changed: () => void = () => undefined
  const tell = (what: string): void => {
    told.push(what)
    changed()
  }
  await publish('1')
  await broker.follow(caller, {
    topic,
    after: 'beginning',
    onEvents(events) {
      for (const { event } of events) tell(event.id)
      return events[0]!.event.id === '1' ? new Promise((resolve) => (letGo = resolve)) : undefined
    },
    onReset: ({ message }) => tell(message),
    onClosed: ({ message }) => tell(message),
  })
  const until = async (last: string | RegExp): Promise<string[]> => {
    while (!(told.at(-1) ?? '').match(last)) await new Promise<void>((resolve) => (changed = resolve))
    return told
  }
  await until('1')
  return { engine, broker, create, publish, letGo: () => letGo(), until }
}

type ReadPage = Awaited<ReturnType<Engine['log']['read']>>

/** A log of which somebody reads pages that the test may change; counts the records of each. */
function reading(change: (page: ReadPage) => ReadPage): { engine: Engine; pages: number[] } {
  const engine = memoryEngine()
  const pages: number[] = []
  const read: Engine['log']['read'] = async (id, options) => {
    const page = change(await engine.log.read(id, options))
    pages.push(page.records.length)
    return page
  }
  return { engine: { ...engine, log: { ...engine.log, read } }, pages }
}

it('a follower whose topic was removed and made anew while it was held up is told, and goes on from now', async () => {
  const { broker, create, publish, letGo, until } = await heldUp()
  await broker.removeTopic(caller, topic)
  await create()
  await publish('other life')
  letGo()
  await until(/removed and made anew/)
  await publish('2')
  expect(await until('2')).toEqual(['1', expect.stringMatching(/anew/), '2'])
  await broker.stop()
})

it('a follower that retention overtook is told, and goes on from now', async () => {
  const { engine, broker, publish, letGo, until } = await heldUp()
  await publish('2', '3')
  await engine.log.trim({ namespace: 'default', topic }, 2)
  letGo()
  await until(/trimmed before they were read/)
  await publish('4')
  expect(await until('4')).toEqual(['1', expect.stringMatching(/trimmed/), '4'])
  await broker.stop()
})

it('a follower is told when events are damaged, and goes on behind them', async () => {
  let isDamaged = true
  const { engine } = reading((page) => (isDamaged && page.until > 0 ? { ...page, records: [], damaged: [1] } : page))
  const broker = createBroker({ engine, authorize: allowAll })
  await broker.start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await broker.publish(caller, { topic, events: [{ event: { id: '1', source: 's', type: topic } }] })
  const told: string[] = []
  await new Promise<void>((resolve) => {
    void broker.follow(caller, {
      topic,
      after: 'beginning',
      onEvents(events) {
        told.push(...events.map(({ event }) => event.id))
        resolve()
      },
      onReset({ message }) {
        told.push(message)
        isDamaged = false
        void broker.publish(caller, { topic, events: [{ event: { id: '2', source: 's', type: topic } }] })
      },
      onClosed: () => undefined,
    })
  })
  expect(told).toEqual([expect.stringMatching(/damaged/), '2'])
  await broker.stop()
})

it('a follower of large events is read smaller pages', async () => {
  const { engine, pages } = reading((page) => page)
  const broker = createBroker({ engine, authorize: allowAll })
  await broker.start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  const data = new Uint8Array(100_000)
  const events = Array.from({ length: 30 }, (_, index) => ({
    event: { id: `${index}`, source: 's', type: topic, data },
  }))
  await broker.publish(caller, { topic, events })
  let seen = 0
  await new Promise<void>((resolve) => {
    void broker.follow(caller, {
      topic,
      after: 'beginning',
      onEvents: (page) => void ((seen += page.length) === events.length && resolve()),
      onReset: () => undefined,
      onClosed: () => undefined,
    })
  })
  // The first page knows nothing yet of how large they are.
  expect(Math.max(...pages.slice(1))).toBeLessThanOrEqual(2)
  await broker.stop()
})

it('a follower is told when its broker stops', async () => {
  const { broker, letGo, until } = await heldUp()
  letGo()
  await broker.stop()
  expect(await until(/stopped/)).toEqual(['1', 'The broker was stopped.'])
})

it('a page is read once for all who follow from the same place', async () => {
  const { engine, pages } = reading((page) => page)
  const broker = createBroker({ engine, authorize: allowAll })
  await broker.start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  const told: PositionedEvent[] = []
  const all = Array.from({ length: 5 }, () =>
    broker.follow(
      caller,
      following((events) => told.push(...events)),
    ),
  )
  await Promise.all(all)
  await broker.publish(caller, { topic, events: [{ event: { id: '1', source: 's', type: topic } }] })
  await expect.poll(() => told.length).toBe(5)
  expect(new Set(told).size).toBe(1)
  expect(pages.filter((count) => count > 0)).toEqual([1])
  await broker.stop()
})

it('a page that was asked for before its topic has grown is not for those who come after that', async () => {
  const memory = memoryEngine()
  const held: (() => void)[] = []
  const read: Engine['log']['read'] = async (id, options) => {
    const page = await memory.log.read(id, options)
    if (held.length === 0) await new Promise<void>((resolve) => held.push(resolve))
    return page
  }
  // Nobody looks by himself.
  const environment = { ...systemEnvironment, timers: { after: () => () => undefined } }
  const broker = createBroker({ engine: { ...memory, log: { ...memory.log, read } }, authorize: allowAll, environment })
  await broker.start()
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  const told: string[] = []
  const { position } = await broker.follow(
    caller,
    following(() => told.push('first')),
  )
  await expect.poll(() => held.length).toBe(1)
  await broker.publish(caller, { topic, events: [{ event: { id: '1', source: 's', type: topic } }] })
  await broker.follow(caller, { ...following(() => told.push('second')), after: position })
  await expect.poll(() => told).toEqual(['second'])
  held[0]!()
  await expect.poll(() => told).toEqual(['second', 'first'])
  await broker.stop()
})

function following(onEvents: (events: readonly PositionedEvent[]) => void): FollowRequest {
  const wrong = (): never => {
    throw new Error('nothing else was to happen')
  }
  return { topic, onEvents, onReset: wrong, onClosed: () => undefined }
}
