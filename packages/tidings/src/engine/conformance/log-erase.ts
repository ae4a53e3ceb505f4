import { assertEqual } from './assert.ts'
import type { EngineCase } from './case.ts'
import { append, duplicate, entityLog, eventOf, listLatest, readAll, stored, topic } from './scene.ts'

/** Removing what must not be known any more. */
export const logEraseCases: readonly EngineCase[] = [
  {
    name: 'erase() removes all payloads of a key and of no other',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      const secret = { key: 'a', subject: 'secret', extensions: { name: 'secret' }, sourceepoch: 1 }
      await append(engine, eventOf('a1', { ...secret, sequence: '1' }), eventOf('b1', { key: 'b' }))
      await append(engine, eventOf('a2', { ...secret, sequence: '2' }), eventOf('b2', { key: 'b' }), eventOf('x'))
      assertEqual(await engine.log.erase(topic, 'a'), 2, 'it answers how many')
      assertEqual(await engine.log.erase(topic, 'a'), 0, 'there is no more to erase')
      const before = await readAll(engine)
      assertEqual(
        before.map(({ erased }) => erased),
        [true, false, true, false, false],
        'the records stay, marked',
      )
      const left = { source: '/crm', type: 'crm.customer.updated', key: 'a', sourceepoch: 1 }
      const expected = [
        { ...left, id: 'a1', sequence: '1' },
        { ...left, id: 'a2', sequence: '2' },
      ]
      assertEqual(
        before.filter(({ erased }) => erased).map(({ event }) => event),
        expected,
        'identity, type, key and version are left',
      )
      assertEqual(before[1]!.event, eventOf('b1', { key: 'b' }), 'other keys keep everything')
      assertEqual(await readAll(await reopen()), before, 'after a restart too')
    },
  },
  {
    name: 'erase() reaches the newest event, and later ones are kept',
    async run({ engine }) {
      await engine.log.create(topic, entityLog)
      await append(engine, eventOf('a1', { key: 'a' }), eventOf('a2', { key: 'a' }))
      await engine.log.trim(topic, 2)
      assertEqual(await engine.log.erase(topic, 'a'), 1, 'what a trim kept is erased')
      const [newest] = await listLatest(engine)
      assertEqual(
        [newest?.erased, newest?.event.id, newest?.event.data],
        [true, 'a2', undefined],
        'latest has no payload either',
      )
      assertEqual(await append(engine, eventOf('a3', { key: 'a' })), [stored(3)], 'the key goes on')
      assertEqual(
        (await readAll(engine)).map(({ erased }) => erased),
        [true, false],
        'with its payloads',
      )
    },
  },
  {
    name: 'erase() is not undone by publishing the event again',
    async run({ engine, reopen }) {
      await engine.log.create(topic, entityLog)
      await append(engine, eventOf('a1', { key: 'a' }))
      await engine.log.erase(topic, 'a')
      const reopened = await reopen()
      assertEqual(await append(reopened, eventOf('a1', { key: 'a' })), [duplicate(1)], 'it is a duplicate')
      assertEqual(
        (await readAll(reopened)).map(({ erased }) => erased),
        [true],
        'and stays erased',
      )
    },
  },
  {
    name: 'erase() of an unknown key erases nothing',
    async run({ engine }) {
      await engine.log.create(topic, entityLog)
      await append(engine, eventOf('1', { key: 'a' }), eventOf('2'))
      assertEqual(await engine.log.erase(topic, ''), 0, 'the empty key is not the absent one')
      assertEqual(await engine.log.erase(topic, 'b'), 0, 'a key without events')
    },
  },
]
