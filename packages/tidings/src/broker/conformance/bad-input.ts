import { assert, assertEqual } from '../../engine/conformance/assert.ts'
import { TidingsError, type ErrorCode } from '../../errors.ts'
import type { Event } from '../../event/index.ts'
import { consume, event, ids, Scene, subscription, topic, type BrokerCase, type BrokerContext } from './case.ts'

/** What must be refused, and how: the message says what is wrong and what to do next. */
interface BadCall {
  readonly name: string
  readonly code: ErrorCode
  readonly wrong: RegExp
  readonly next: RegExp
  readonly call: (scene: Scene) => Promise<unknown>
}

interface BadEvent extends Omit<BadCall, 'call'> {
  readonly event: Event
}

const elsewhere = 'elsewhere.1'
const create = /create it first, or check the name/
const spelling = /use lower-case letters, digits, "-" and "_" in tokens separated by dots, at most 200 characters/
const reload = /load the full state again and go on from there/

const badCalls: readonly BadCall[] = [
  ...(
    [
      [
        'publishing',
        ({ broker, caller }) => broker.publish(caller, { topic: 'no.such', events: [{ event: event('x') }] }),
      ],
      ['reading', ({ broker, caller }) => broker.read(caller, { topic: 'no.such' })],
      [
        'a subscription',
        ({ broker, caller }) =>
          broker.putSubscription(caller, { subscription: 'mail.no', topic: 'no.such', from: 'end' }),
      ],
    ] as const satisfies readonly (readonly [string, BadCall['call']])[]
  ).map(([what, call]) => ({
    name: `an unknown topic: ${what}`,
    code: 'topic-unknown' as const,
    wrong: /no topic no\.such in namespace \w+/,
    next: create,
    call,
  })),
  {
    name: 'an unknown subscription',
    code: 'subscription-unknown',
    wrong: /no subscription no\.such in namespace \w+/,
    next: create,
    call: ({ broker, caller }) => broker.pull(caller, { subscription: 'no.such' }),
  },
  {
    name: 'an unknown namespace',
    code: 'namespace-unknown',
    wrong: /no namespace "nowhere"/,
    next: /there is .*default.*; use one that is there, or have it added to the namespaces/,
    call: ({ broker, caller }) => broker.topics({ ...caller, namespace: 'nowhere' }),
  },
  {
    name: 'a bad name: of a topic',
    code: 'name-invalid',
    wrong: /"Shop Order" is not a topic name/,
    next: spelling,
    call: ({ broker, caller }) => broker.putTopic(caller, { topic: 'Shop Order', kind: 'event', owner: 'shop' }),
  },
  {
    name: 'a bad name: of a subscription',
    code: 'name-invalid',
    wrong: /"mail\.\.all" is not a subscription name/,
    next: spelling,
    call: ({ broker, caller }) => broker.putSubscription(caller, { subscription: 'mail..all', topic, from: 'end' }),
  },
  {
    name: 'a position of another incarnation: to read from',
    code: 'position-unknown',
    wrong: /elsewhere\.1 belongs to another life of this topic/,
    next: reload,
    call: ({ broker, caller }) => broker.read(caller, { topic, after: elsewhere }),
  },
  {
    name: 'a position of another incarnation: to seek to',
    code: 'position-unknown',
    wrong: /elsewhere\.1 belongs to another life of this topic/,
    next: reload,
    call: ({ broker, caller }) => broker.seek(caller, { subscription, to: elsewhere }),
  },
  {
    name: 'a lease twice in one batch',
    code: 'bad-request',
    wrong: /lease \S+ stands twice in one call/,
    next: /send each once/,
    async call(scene) {
      const [delivery] = await scene.pull(1)
      const { lease } = delivery!
      const ack = { lease, action: 'ack' } as const
      try {
        return await scene.broker.settle(scene.caller, { subscription, outcomes: [ack, ack] })
      } finally {
        // The lease is as good as before.
        assertEqual(await scene.settle(delivery!, { action: 'release' }), 'settled', 'the lease still holds')
      }
    },
  },
  ...(['negative', 'huge', 'NaN'] as const).flatMap((kind) => {
    const value = { negative: -1, huge: 1e15, NaN: Number.NaN }[kind]
    const bounds = { leaseMs: 'from 1000 to 43200000', max: 'from 1 to 1000', waitMs: 'from 0 to 60000' }
    return (['leaseMs', 'max', 'waitMs'] as const).map((field) => ({
      name: `${kind === 'NaN' ? 'a NaN' : `a ${kind}`} ${field}`,
      code: 'bad-request' as const,
      wrong: new RegExp(`${field}"? must be`),
      next: new RegExp(`a whole number ${bounds[field]}`),
      call: ({ broker, caller }: Scene) => broker.pull(caller, { subscription, [field]: value }),
    }))
  }),
  {
    name: 'one service name with two databases',
    code: 'service-conflict',
    wrong: /service shop is known with another database \(first\); this one is second/,
    next: /an operator says so by registering it with "replace"/,
    async call({ broker, caller }) {
      await broker.registerService(caller, { service: 'shop', database: 'first' })
      try {
        await broker.registerService(caller, { service: 'shop', database: 'second' })
      } finally {
        await broker.registerService(caller, { service: 'shop', database: 'first' })
      }
    },
  },
]

const badEvents: readonly BadEvent[] = [
  {
    name: 'a key that is too long',
    code: 'key-invalid',
    wrong: /The key has 514 bytes in UTF-8; a key has at most 512/,
    next: /Hash it or shorten it/,
    event: event('bad', 'é'.repeat(257)),
  },
  {
    name: 'another payload under a known identity',
    code: 'id-conflict',
    wrong: /known.* is already stored with another type, key or payload/,
    next: /give a different event a new id/,
    event: event('known', 'a', { data: new TextEncoder().encode('{"other":1}') }),
  },
  {
    name: 'malformed CloudEvents attributes: an empty type',
    code: 'event-invalid',
    wrong: /attribute "type"/,
    next: /must be a text that is not empty/,
    event: event('bad', 'a', { type: '' }),
  },
  {
    name: 'malformed CloudEvents attributes: a name that is none',
    code: 'event-invalid',
    wrong: /"Bad-Name" is not an attribute name/,
    next: /1 to 20 lower-case letters and digits/,
    event: event('bad', 'a', { extensions: { 'Bad-Name': 'x' } }),
  },
  {
    name: 'a payload over 1 MiB',
    code: 'payload-too-large',
    wrong: /The payload has 1048577 bytes; this broker takes at most 1048576/,
    next: /Send a reference to the data instead, or raise/,
    event: event('bad', 'a', { data: new Uint8Array(1_048_577) }),
  },
]

/** Bad input gets a clear error, and nothing is lost. */
export const badInputCases: readonly BrokerCase[] = [
  ...badCalls.map(({ call, ...bad }) => ({
    name: `bad input gets a clear error and nothing is lost: ${bad.name}`,
    async run(context: BrokerContext) {
      const scene = await sceneWithOne(context)
      const error = await call(scene).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      assert(error instanceof TidingsError, `a rejection as ${bad.code}; found: ${String(error)}`)
      assertClear(bad, error)
      await goesOn(scene, ['known'])
    },
  })),
  ...badEvents.map(({ event: faulty, ...bad }) => ({
    name: `bad input gets a clear error and nothing is lost: ${bad.name}`,
    async run(context: BrokerContext) {
      const scene = await sceneWithOne(context)
      const events = [event('before', 'b'), faulty, event('behind', 'c')].map((each) => ({ event: each }))
      const answers = await scene.broker.publish(scene.caller, { topic, events })
      assertEqual(
        answers.map(({ status }) => status),
        ['stored', 'refused', 'stored'],
        'the rest of the batch is stored',
      )
      if (answers[1]?.status === 'refused') assertClear(bad, answers[1])
      await goesOn(scene, ['known', 'before', 'behind'])
    },
  })),
]

async function sceneWithOne(context: BrokerContext): Promise<Scene> {
  const scene = await Scene.open(context)
  await scene.publish(event('known', 'a'))
  return scene
}

function assertClear({ code, wrong, next }: Omit<BadCall, 'call'>, found: { code: string; message: string }): void {
  assertEqual(found.code, code, `the code of: ${found.message}`)
  assert(wrong.test(found.message), `a message that says what is wrong (${String(wrong)}); found: ${found.message}`)
  assert(next.test(found.message), `a message that says what to do (${String(next)}); found: ${found.message}`)
}

/** What was there is there, nothing else is, and later work is done as ever. */
async function goesOn(scene: Scene, stored: readonly string[]): Promise<void> {
  const { broker, caller } = scene
  const { events } = await broker.read(caller, { topic })
  assertEqual(
    events.map(({ event: { id } }) => id),
    stored,
    'what is stored',
  )
  const topics = (await broker.topics(caller)).map((each) => each.topic)
  const subscriptions = (await broker.subscriptions(caller)).map((each) => each.subscription)
  assertEqual([topics, subscriptions], [[topic], [subscription]], 'what exists')
  await scene.publish(event('later', 'a'))
  const deliveries = await consume(scene, subscription, stored.length + 1)
  assertEqual(ids(deliveries).toSorted(), [...stored, 'later'].toSorted(), 'what is delivered')
  assertEqual(
    deliveries.map(({ attempt }) => attempt),
    deliveries.map(() => 1),
    'the attempts',
  )
  const { acknowledged, pending } = await broker.stats(caller, subscription)
  assertEqual([acknowledged, pending], [stored.length + 1, 0], 'what is settled')
}
