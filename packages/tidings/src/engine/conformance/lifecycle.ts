import { assertEqual, assertRejects, assertResolves } from './assert.ts'
import type { EngineCase } from './case.ts'
import { append, eventLog, eventOf, idsOf, topic } from './scene.ts'

/** Starting and stopping. */
export const lifecycleCases: readonly EngineCase[] = [
  {
    name: 'start() and stop() are idempotent, one after the other and at once',
    async run({ engine, reopen }) {
      await assertResolves(Promise.all([engine.start(), engine.start()]), 'start() may be called again')
      await engine.log.create(topic, eventLog)
      await engine.start()
      await append(engine, eventOf('1'))
      await Promise.all([engine.stop(), engine.stop(), engine[Symbol.asyncDispose]()])
      await engine.stop()
      assertEqual(await idsOf(await reopen()), ['1'], 'nothing was lost')
    },
  },
  {
    name: 'an engine may be started again after it was stopped',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      await append(engine, eventOf('1'))
      await engine.stop()
      await engine.start()
      await assertResolves(append(engine, eventOf('2')), 'the topic is still there')
      assertEqual(await idsOf(engine), ['1', '2'], 'it goes on where it was')
    },
  },
  {
    name: 'a stopped engine refuses every call',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      const ownership = await engine.ledger.own({ namespace: 'default', ledger: 'a.b', shard: 0 })
      await engine.stop()
      const calls: Record<string, () => Promise<unknown>> = {
        create: () => engine.log.create(topic, eventLog),
        describe: () => engine.log.describe(topic),
        append: () => append(engine, eventOf('1')),
        read: () => engine.log.read(topic, { after: 0, limit: 1 }),
        latest: () => engine.log.latest(topic, { limit: 1 }),
        trim: () => engine.log.trim(topic, 1),
        erase: () => engine.log.erase(topic, 'k'),
        producer: () => engine.log.producer(topic, 'p'),
        'remove a log': () => engine.log.remove(topic),
        owner: () => engine.ledger.owner(ownership.id),
        'remove a ledger': () => engine.ledger.remove(ownership.id),
        own: () => engine.ledger.own(ownership.id),
        commit: () => engine.ledger.commit(ownership, []),
        load: () => engine.ledger.load(ownership.id, {}, 1),
      }
      for (const [name, call] of Object.entries(calls)) await assertRejects(call(), 'stopped', `${name} is refused`)
    },
  },
  {
    name: 'stop() finishes what was accepted',
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      const ownership = await engine.ledger.own({ namespace: 'default', ledger: 'a.b', shard: 0 })
      const appends = ['1', '2', '3'].map((id) => append(engine, eventOf(id)))
      const commit = engine.ledger.commit(ownership, [{ key: 'a', value: '1' }])
      await engine.stop()
      await assertResolves(Promise.all([...appends, commit]), 'what was sent before stop() is answered')
      const reopened = await reopen()
      assertEqual(await idsOf(reopened), ['1', '2', '3'], 'every append that was sent')
      assertEqual(
        await reopened.ledger.load(ownership.id, {}, 9),
        [{ key: 'a', value: '1' }],
        'every commit that was sent',
      )
    },
  },
]
