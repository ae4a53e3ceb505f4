import { assert, assertEqual, assertRejects, assertResolves } from './assert.ts'
import type { EngineCase } from './case.ts'
import { append, entityLog, eventLog, eventOf, idsOf, readAll, requestOf, stored, topic } from './scene.ts'

/** The life of a topic's log: made, described, removed. */
export const logCreateCases: readonly EngineCase[] = [
  {
    name: 'create() makes an empty log that describe() knows',
    async run({ engine, deduplication }) {
      const unknown = await assertResolves(engine.log.describe(topic), 'describe() answers for an unknown topic')
      assertEqual(unknown, undefined, 'describe() answers undefined for an unknown topic')
      const made = await engine.log.create(topic, entityLog)
      assert(/^[a-z0-9]{1,32}$/.test(made.incarnation), 'an incarnation has at most 32 lower-case letters and digits')
      const { incarnation } = made
      const expected = { ...entityLog, incarnation, head: 0, trimmed: 0, deduplication: { ids: 0, ...deduplication } }
      assertEqual(made, expected, 'create() describes the new log')
      assertEqual(await engine.log.describe(topic), expected, 'describe() answers the same')
    },
  },
  {
    name: 'create() answers the existing log when the settings are equal',
    async run({ engine }) {
      const made = await engine.log.create(topic, entityLog)
      await append(engine, eventOf('1'))
      const again = await engine.log.create(topic, entityLog)
      assertEqual(again.incarnation, made.incarnation, 'the incarnation stays')
      assertEqual([again.head, await idsOf(engine)], [1, ['1']], 'the events stay')
    },
  },
  {
    name: 'create() by several callers at once makes one log',
    async run({ engine }) {
      const made = await Promise.all([1, 2, 3, 4].map(() => engine.log.create(topic, entityLog)))
      assertEqual(new Set(made.map(({ incarnation }) => incarnation)).size, 1, 'all are told of the same incarnation')
    },
  },
  {
    name: 'create() refuses other settings for an existing topic',
    async run({ engine }) {
      await engine.log.create(topic, entityLog)
      await assertRejects(
        engine.log.create(topic, { kind: 'entity', shards: 5 }),
        'topic-conflict',
        'other shards are a conflict',
      )
      await assertRejects(
        engine.log.create(topic, { kind: 'task', shards: 4 }),
        'topic-conflict',
        'another kind is a conflict',
      )
      assertEqual((await engine.log.describe(topic))?.kind, 'entity', 'nothing changed')
    },
  },
  {
    name: 'create() is durable',
    async run({ engine, reopen }) {
      const made = await engine.log.create(topic, eventLog)
      assertEqual(await (await reopen()).log.describe(topic), made, 'the description is the same after a restart')
    },
  },
  {
    name: 'remove() takes the events away and the next topic of the name is another life',
    async run({ engine, reopen }) {
      const first = await engine.log.create(topic, entityLog)
      const stamp = { id: 'p', epoch: 1, counter: 9 }
      await engine.log.append(topic, [requestOf(eventOf('1', { key: 'k', sequence: '5' }), stamp)])
      await engine.log.remove(topic)
      await engine.log.remove(topic)
      assertEqual(await engine.log.describe(topic), undefined, 'the topic is gone')
      const reopened = await reopen()
      assertEqual(await reopened.log.describe(topic), undefined, 'and stays so after a restart')
      const second = await reopened.log.create(topic, eventLog)
      assert(second.incarnation !== first.incarnation, 'the incarnation is another one')
      assertEqual([second.head, await readAll(reopened)], [0, []], 'nothing is left of the events')
      assertEqual(await reopened.log.producer(topic, 'p'), undefined, 'nothing is left of the producers')
      assertEqual(
        await append(reopened, eventOf('1', { key: 'k', sequence: '4' })),
        [stored(1)],
        'identities and versions begin anew',
      )
    },
  },
  {
    name: 'a topic that does not exist is topic-unknown to every call',
    async run({ engine }) {
      const calls: Record<string, Promise<unknown>> = {
        append: append(engine, eventOf('1')),
        producer: engine.log.producer(topic, 'p'),
        read: engine.log.read(topic, { after: 0, limit: 1 }),
        latest: engine.log.latest(topic, { limit: 1 }),
        trim: engine.log.trim(topic, 1),
        erase: engine.log.erase(topic, 'k'),
      }
      const checks = Object.entries(calls).map(([name, call]) =>
        assertRejects(call, 'topic-unknown', `${name}() knows its topic`),
      )
      await Promise.all(checks)
    },
  },
  {
    name: 'topics of similar names keep apart',
    async run({ engine, reopen }) {
      const ids = [
        { namespace: 'a', topic: 'b.c' },
        { namespace: 'a.b', topic: 'c' },
        { namespace: 'b', topic: 'b.c' },
        { namespace: 'a', topic: 'b.c.d' },
        { namespace: 'a', topic: 'b-c' },
      ]
      const nameOf = (id: { namespace: string; topic: string }): string => `${id.namespace} ${id.topic}`
      for (const id of ids) await engine.log.create(id, entityLog)
      for (const id of ids) await engine.log.append(id, [requestOf(eventOf('1', { key: 'k', subject: nameOf(id) }))])
      await engine.log.remove(ids[3]!)
      const reopened = await reopen()
      for (const id of ids.toSpliced(3, 1)) {
        const subjects = (await readAll(reopened, id)).map(({ event }) => event.subject)
        assertEqual(subjects, [nameOf(id)], 'each topic holds its own event')
      }
    },
  },
]
