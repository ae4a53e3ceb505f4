import { assert, assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import type { Event } from '../../event/index.ts'
import { event, Scene, subscription, topic, type BrokerCase, type BrokerContext } from './case.ts'

export const publishCases: readonly BrokerCase[] = [
  {
    name: 'publish() answers each event with its position, in order',
    async run(context) {
      const scene = await Scene.open(context)
      const answers = await publish(context, event('1', 'a'), event('2', 'b'))
      assert(
        answers.every((answer) => answer.status === 'stored'),
        'both are stored',
      )
      const page = await scene.broker.read(context.caller, { topic })
      assertEqual(
        page.events.map(({ position }) => position),
        positions(answers),
        'the positions are those of reading',
      )
    },
  },
  {
    name: 'publish() of a known identity answers the first position and stores nothing',
    async run(context) {
      const scene = await Scene.open(context)
      const first = await publish(context, event('1', 'a'))
      const second = await publish(context, event('1', 'a'))
      assertEqual(second[0]?.status, 'duplicate', 'the answer')
      assertEqual(positions(second), positions(first), 'its position')
      const page = await scene.broker.read(context.caller, { topic })
      assertEqual(page.events.length, 1, 'one event is stored')
    },
  },
  {
    name: 'publish() refuses another payload under a known identity',
    async run(context) {
      await Scene.open(context)
      await publish(context, event('1', 'a'))
      const [answer] = await publish(context, event('1', 'a', { data: new TextEncoder().encode('{"other":1}') }))
      assertEqual(answer?.status === 'refused' && answer.code, 'id-conflict', 'the refusal')
    },
  },
  {
    name: 'publish() keeps equal ids of different sources apart',
    async run(context) {
      const scene = await Scene.open(context)
      await publish(context, event('1', 'a'), event('1', 'a', { source: '/other' }))
      const page = await scene.broker.read(context.caller, { topic })
      assertEqual(
        page.events.map((each) => each.event.source),
        ['/shop', '/other'],
        'both are kept',
      )
    },
  },
  {
    name: 'publish() refuses a faulty event without disturbing other keys, and later events of its key',
    async run(context) {
      await Scene.open(context)
      const answers = await publish(context, event('1', 'a', { type: '' }), event('2', 'b'), event('3', 'a'))
      assertEqual(
        answers.map((answer) => (answer.status === 'refused' ? answer.code : answer.status)),
        ['event-invalid', 'stored', 'behind-refused'],
        'the answers',
      )
    },
  },
  {
    name: 'payloads come back byte for byte',
    async run(context) {
      const scene = await Scene.open(context)
      const payloads = ['{"n":9223372036854775807,"n":1}', ' {"text" : "\\ud800"}\n', '', 'not json'].map((text) =>
        new TextEncoder().encode(text),
      )
      payloads.push(new Uint8Array([0, 255, 254, 192, 160]))
      await scene.publish(...payloads.map((data, index) => event(`p${index}`, 'k', { data })))
      const read = await scene.broker.read(context.caller, { topic })
      assertEqual(
        read.events.map((each) => bytes(each.event)),
        payloads.map((data) => [...data]),
        'reading',
      )
      const pulled = await scene.pull(payloads.length)
      assertEqual(
        pulled.map((each) => bytes(each.event)),
        payloads.map((data) => [...data]),
        'delivery',
      )
    },
  },
  {
    name: 'an absent payload stays absent, and attributes keep their types',
    async run(context) {
      const scene = await Scene.open(context)
      const { data: _, ...bare } = event('1', 'ключ 🔑 %20', {
        subject: 'a b',
        extensions: { flag: true, count: 3, text: 'é "x"' },
      })
      await scene.publish(bare)
      const [delivery] = await scene.pull(1)
      assertEqual(delivery?.event, bare as Event, 'the event')
    },
  },
  {
    name: 'keys with dots, wildcards, spaces, emoji and 512 bytes are different keys',
    async run(context) {
      const scene = await Scene.open(context)
      const keys = ['a.b', 'a b', 'a*', 'a>', 'a%2Eb', '🎁', 'é', 'e\u0301', 'x'.repeat(512)]
      await scene.publish(...keys.map((key, index) => event(String(index), key)))
      const found: (string | undefined)[] = []
      // Each pull is a holder of its own, and a key has one holder at a time.
      for (const _ of keys) found.push((await scene.pull(1))[0]?.event.key)
      assertEqual(found.sort(), [...keys].sort(), 'each key arrives as it was, and holds up no other')
    },
  },
  {
    name: 'a key that is too long or half a surrogate pair is refused and nothing is stored',
    async run(context) {
      const scene = await Scene.open(context)
      const answers = await publish(context, event('1', 'é'.repeat(257)))
      assertEqual(answers[0]?.status === 'refused' && answers[0].code, 'key-invalid', 'the refusal')
      assertEqual((await scene.broker.read(context.caller, { topic })).events.length, 0, 'nothing is stored')
    },
  },
  {
    name: 'an attribute or key with a control character is refused, as CloudEvents asks',
    async run(context) {
      const scene = await Scene.open(context)
      const answers = await publish(
        context,
        event('1', 'a\nb'),
        event('2\u0000', 'b'),
        event('3', 'c', { subject: '\u0085' }),
      )
      assert(
        answers.every((answer) => answer.status === 'refused'),
        'each is refused',
      )
      assertEqual((await scene.broker.read(context.caller, { topic })).events.length, 0, 'nothing is stored')
    },
  },
  {
    name: 'an unknown topic, subscription or namespace is said so',
    async run({ broker, caller }) {
      const events = [{ event: event('1') }]
      await assertRejects(broker.publish(caller, { topic: 'no.such', events }), 'topic-unknown', 'an unknown topic')
      await assertRejects(
        broker.pull(caller, { subscription: 'no.such' }),
        'subscription-unknown',
        'an unknown subscription',
      )
      const elsewhere = { ...caller, namespace: 'nowhere' }
      await assertRejects(broker.publish(elsewhere, { topic, events }), 'namespace-unknown', 'an unknown namespace')
    },
  },
  {
    name: 'a producer that was replaced is refused, and a counter that is not higher is a duplicate',
    async run(context) {
      const scene = await Scene.open(context)
      const from = (id: string, epoch: number, counter: number) =>
        scene.broker.publish(context.caller, {
          topic,
          events: [{ event: event(id, 'a'), producer: { id: 'shop-0', epoch, counter } }],
        })
      await from('1', 2, 10)
      assertEqual((await from('2', 2, 10))[0]?.status, 'duplicate', 'an equal counter')
      const [fenced] = await from('3', 1, 11)
      assertEqual(fenced?.status === 'refused' && fenced.code, 'producer-fenced', 'an older epoch')
      assertEqual(
        await scene.broker.producer(context.caller, { topic, producer: 'shop-0' }),
        { epoch: 2, counter: 10 },
        'its state',
      )
    },
  },
  {
    name: 'a topic keeps its kind and owner; creating it again as it is changes nothing',
    async run({ broker, caller }) {
      const definition = { topic, kind: 'event', owner: 'shop' } as const
      const first = await broker.putTopic(caller, definition)
      assertEqual(await broker.putTopic(caller, definition), first, 'the same topic')
      await assertRejects(broker.putTopic(caller, { ...definition, kind: 'entity' }), 'topic-conflict', 'another kind')
      await assertRejects(broker.putTopic(caller, { ...definition, owner: 'mail' }), 'topic-conflict', 'another owner')
      await assertRejects(broker.putTopic(caller, { ...definition, topic: 'Shop Order' }), 'name-invalid', 'a bad name')
    },
  },
  {
    name: 'removeTopic() takes its subscriptions along, and a new life has new positions',
    async run(context) {
      const scene = await Scene.open(context)
      const [old] = positions(await publish(context, event('1', 'a')))
      await scene.broker.removeTopic(context.caller, topic)
      await assertRejects(
        scene.broker.stats(context.caller, subscription),
        'subscription-unknown',
        'its subscription is gone',
      )
      await scene.broker.putTopic(context.caller, { topic, kind: 'event', owner: 'shop' })
      await assertRejects(
        scene.broker.read(context.caller, { topic, after: old! }),
        'position-unknown',
        'a position of the old life',
      )
      assertEqual((await scene.broker.read(context.caller, { topic })).events, [], 'the new life is empty')
    },
  },
]

function publish({ broker, caller }: BrokerContext, ...events: Event[]) {
  return broker.publish(caller, { topic, events: events.map((each) => ({ event: each })) })
}

function positions(answers: readonly { status: string; position?: string }[]): (string | undefined)[] {
  return answers.map(({ position }) => position)
}

function bytes({ data }: Event): number[] | undefined {
  return data && [...data]
}
