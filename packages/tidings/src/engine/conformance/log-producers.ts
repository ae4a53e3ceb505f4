import { assertEqual } from './assert.ts'
import type { EngineCase } from './case.ts'
import { bytesOf, duplicate, eventLog, eventOf, idsOf, outcomes, requestOf, stored, topic } from './scene.ts'

const stamp = (counter: number, epoch = 1): { id: string; epoch: number; counter: number } => ({
  id: 'outbox-0',
  epoch,
  counter,
})

/** Publishers that keep a counter of their own. */
export const logProducerCases: readonly EngineCase[] = [
  {
    name: 'producer() answers the highest epoch and counter',
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      assertEqual(await engine.log.producer(topic, 'outbox-0'), undefined, 'nothing before the first event')
      await engine.log.append(topic, [requestOf(eventOf('1'), stamp(4)), requestOf(eventOf('2'), stamp(7))])
      assertEqual(await engine.log.producer(topic, 'outbox-0'), { epoch: 1, counter: 7 }, 'the highest counter')
      await engine.log.append(topic, [requestOf(eventOf('3'), stamp(8, 3))])
      const reopened = await reopen()
      assertEqual(await reopened.log.producer(topic, 'outbox-0'), { epoch: 3, counter: 8 }, 'the same after a restart')
      assertEqual(await reopened.log.producer(topic, 'outbox-1'), undefined, 'nothing of another producer')
    },
  },
  {
    name: 'a counter that is not higher is a duplicate, however late',
    async run({ engine, reopen, advance, deduplication: { maxAgeMs } }) {
      await engine.log.create(topic, eventLog)
      await engine.log.append(topic, [requestOf(eventOf('1'), stamp(1)), requestOf(eventOf('2'), stamp(2))])
      const resend = [requestOf(eventOf('1'), stamp(1)), requestOf(eventOf('2'), stamp(2))]
      assertEqual(
        await engine.log.append(topic, resend),
        [duplicate(1), duplicate(2)],
        'with the first position while it is known',
      )
      advance(maxAgeMs * 3)
      const reopened = await reopen()
      assertEqual(
        outcomes(await reopened.log.append(topic, resend)),
        ['duplicate', 'duplicate'],
        'long after the window',
      )
      assertEqual(await idsOf(reopened), ['1', '2'], 'nothing is stored twice')
    },
  },
  {
    name: 'an older epoch of a producer is fenced',
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      await engine.log.append(topic, [requestOf(eventOf('1'), stamp(1, 1)), requestOf(eventOf('2'), stamp(2, 2))])
      const reopened = await reopen()
      const answers = await reopened.log.append(topic, [requestOf(eventOf('3'), stamp(3, 1)), requestOf(eventOf('4'))])
      assertEqual(outcomes(answers), ['producer-fenced', 'stored'], 'the owner before is refused, others are not')
      assertEqual(
        await reopened.log.producer(topic, 'outbox-0'),
        { epoch: 2, counter: 2 },
        'nothing is known of what it sent',
      )
    },
  },
  {
    name: 'a duplicate raises the epoch of its producer',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      await engine.log.append(topic, [requestOf(eventOf('1'), stamp(1, 1))])
      await engine.log.append(topic, [requestOf(eventOf('1'), stamp(1, 2))])
      const late = await engine.log.append(topic, [requestOf(eventOf('2'), stamp(2, 1))])
      assertEqual(outcomes(late), ['producer-fenced'], 'the epoch before is fenced by the first word of the next one')
    },
  },
  {
    name: 'a duplicate raises the counter of its producer',
    async run({ engine, advance, deduplication: { maxAgeMs } }) {
      await engine.log.create(topic, eventLog)
      await engine.log.append(topic, [requestOf(eventOf('1'))])
      assertEqual(
        await engine.log.append(topic, [requestOf(eventOf('1'), stamp(1))]),
        [duplicate(1)],
        'known by its identity',
      )
      assertEqual(await engine.log.producer(topic, 'outbox-0'), { epoch: 1, counter: 1 }, 'its counter was accepted')
      advance(maxAgeMs * 2)
      const late = await engine.log.append(topic, [requestOf(eventOf('1'), stamp(1))])
      assertEqual(outcomes(late), ['duplicate'], 'it is never stored later')
    },
  },
  {
    name: 'append() accepts a prefix of each producer within one call',
    async run({ engine }) {
      await engine.log.create(topic, eventLog)
      await engine.log.append(topic, [requestOf(eventOf('0', { key: 'a' }))])
      const answers = await engine.log.append(topic, [
        requestOf(eventOf('1', { key: 'a' }), stamp(1)),
        requestOf(eventOf('0', { key: 'a', data: bytesOf('other') }), stamp(2)),
        requestOf(eventOf('3', { key: 'b' }), stamp(3)),
        requestOf(eventOf('4', { key: 'b' }), { id: 'other', epoch: 1, counter: 1 }),
        requestOf(eventOf('5', { key: 'c' }), { id: 'other', epoch: 1, counter: 2 }),
      ])
      const expected = ['stored', 'id-conflict', 'behind-refused', 'behind-refused', 'behind-refused']
      assertEqual(outcomes(answers), expected, 'nothing of a producer, or of a key, passes a refused event')
      assertEqual(await engine.log.producer(topic, 'outbox-0'), { epoch: 1, counter: 1 }, 'the counter ends before it')
      assertEqual(await engine.log.producer(topic, 'other'), undefined, 'for every producer')
    },
  },
  {
    name: 'a refused event, a lost answer and a resend lose nothing',
    async run({ engine, reopen }) {
      await engine.log.create(topic, eventLog)
      await engine.log.append(topic, [requestOf(eventOf('taken'))])
      const rows = (id: string) => [
        requestOf(eventOf('1', { key: 'a' }), stamp(1)),
        requestOf(eventOf(id, { key: 'b', data: bytesOf('other') }), stamp(2)),
        requestOf(eventOf('3', { key: 'c' }), stamp(3)),
      ]
      await engine.log.append(topic, rows('taken'))
      const reopened = await reopen()
      const again = outcomes(await reopened.log.append(topic, rows('taken')))
      assertEqual(again, ['duplicate', 'id-conflict', 'behind-refused'], 'the same call has the same answers')
      const repaired = outcomes(await reopened.log.append(topic, rows('free')))
      assertEqual(repaired, ['duplicate', 'stored', 'stored'], 'once it is repaired everything behind it follows')
      assertEqual(await idsOf(reopened), ['taken', '1', 'free', '3'], 'nothing is missing')
    },
  },
  {
    name: 'producers of different topics and names keep apart',
    async run({ engine, reopen }) {
      const other = { namespace: 'default', topic: 'crm.other' }
      await engine.log.create(topic, eventLog)
      await engine.log.create(other, eventLog)
      await engine.log.append(topic, [requestOf(eventOf('1'), stamp(5, 5))])
      const reopened = await reopen()
      assertEqual(
        await reopened.log.append(other, [requestOf(eventOf('1'), stamp(1))]),
        [stored(1)],
        'another topic counts anew',
      )
      const names = ['outbox-00', 'outbox 0', 'OUTBOX-0', 'outbox-0.']
      const requests = names.map((id) => requestOf(eventOf(id), { id, epoch: 1, counter: 1 }))
      assertEqual(
        outcomes(await reopened.log.append(topic, requests)),
        names.map(() => 'stored'),
        'another name counts anew',
      )
    },
  },
]
