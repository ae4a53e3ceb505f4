import { allowAll, createBroker } from 'tidings/broker'
import { memoryEngine } from 'tidings/engines/memory'
import { expect, it } from 'vitest'
import { caller, counted, openShop, Plain, publish, topic, until } from './live.fixture.ts'

it('a client on a WebSocket that is gone without a good-bye leaves nothing at the server', async () => {
  const { engine, reads } = counted(memoryEngine())
  await using bench = await openShop({ broker: createBroker({ engine, authorize: allowAll }) })
  const socket = await Plain.open(bench)
  for (const stream of [1, 2]) socket.send({ type: 'follow', id: stream, stream, topic, json: true })
  await until(() => reads.watching === 2)
  socket.webSocket.terminate()
  await until(() => reads.watching === 0)
})

it('a client on a WebSocket is told where a topic begins before it gets anything of it', async () => {
  const broker = createBroker({ engine: memoryEngine(), authorize: allowAll })
  const follow = broker.follow.bind(broker)
  // Events are there before the answer is.
  broker.follow = async (who, request) => {
    let came = (): void => undefined
    const first = new Promise<void>((resolve) => (came = resolve))
    const onEvents: typeof request.onEvents = (...page) => {
      const sent = request.onEvents(...page)
      setImmediate(came)
      return sent
    }
    const follower = await follow(who, { ...request, onEvents })
    await first
    return follower
  }
  await using bench = await openShop({ broker })
  await publish(bench.broker, 'a1')
  const socket = await Plain.open(bench)
  const order: unknown[] = []
  socket.webSocket.on('message', (data: Buffer) => order.push((JSON.parse(data.toString()) as { type: string }).type))
  socket.send({ type: 'follow', id: 1, stream: 1, topic, after: 'beginning', json: true })
  await socket.next('events')
  expect(order.filter((type) => type === 'answer' || type === 'events')).toEqual(['answer', 'events'])
  socket.webSocket.terminate()
})

it('a client in any language sends a task and gets what comes of it on one socket, in JSON', async () => {
  await using bench = await openShop()
  await bench.broker.putTopic(caller, { topic: 'shop.tasks', kind: 'task', owner: 'shop' })
  const socket = await Plain.open(bench)
  const filter = { exact: { correlationid: 'c1' } }
  socket.send({ type: 'follow', id: 1, stream: 1, topic, filter, json: true })
  const text = '{"specversion":"1.0","id":"t1","source":"page","type":"shop.do","partitionkey":"k","data":{"n":1.0}}'
  socket.send({ type: 'publish', id: 2, topic: 'shop.tasks', events: [text] })
  socket.send({ type: 'publish', id: 3, topic: 'shop.tasks', events: ['{"specversion":"1.0"}'] })
  expect(await socket.next('answer')).toMatchObject({ id: 1 })
  expect(await socket.next('answer')).toMatchObject({ id: 2, result: { results: [{ status: 'stored' }] } })
  expect(await socket.next('error')).toMatchObject({ id: 3, problem: { code: 'event-invalid' } })
  const { events } = await bench.broker.read(caller, { topic: 'shop.tasks' })
  expect(new TextDecoder().decode(events[0]!.event.data)).toBe('{"n":1.0}')
  await publish(bench.broker, '2', '1')
  expect(await socket.next('events')).toMatchObject({ stream: 1, events: [{ event: { id: '1', data: {} } }] })
  socket.webSocket.terminate()
})
