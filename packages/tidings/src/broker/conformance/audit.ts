import { assertEqual } from '../../engine/conformance/assert.ts'
import { TidingsError } from '../../errors.ts'
import { event, Scene, subscription, topic as ofScene, type BrokerCase } from './case.ts'

const topic = 'tidings.audit'
const text = new TextDecoder()

/** What operators do is written down where nobody changes it. */
export const auditCases: readonly BrokerCase[] = [
  {
    name: 'every action of an operator is in the audit with its principal, arguments and outcome, in order',
    async run(context) {
      const scene = await Scene.open(context)
      const { broker, caller } = scene
      await scene.publish(event('1', 'a'))
      await scene.kill('1')
      const [letter] = (await broker.deadLetters(caller, { subscription })).deadLetters
      const { position } = letter!
      const data = new TextEncoder().encode('secret')
      await broker.replace({ ...caller, principal: 'mary' }, { subscription, position, data })
      await broker.replace(caller, { subscription, position, data }).catch(() => undefined)
      await broker.redrive(caller, { subscription, positions: [position] })
      await broker.pause(caller, subscription)
      await broker.seek(caller, { subscription, to: 'end', effects: 'run' })
      await broker.erase(caller, { topic: ofScene, key: 'a' })
      const { events } = await broker.read(caller, { topic })
      const told = events.map((each) => JSON.parse(text.decode(each.event.data)) as Record<string, unknown>)
      assertEqual(
        told.map(({ principal, action, subject }) => [principal, action, subject]),
        [
          ['mary', 'replace', subscription],
          [caller.principal, 'replace', subscription],
          [caller.principal, 'redrive', subscription],
          [caller.principal, 'pause', subscription],
          [caller.principal, 'seek', subscription],
          [caller.principal, 'erase', ofScene],
        ],
        'who did what to what',
      )
      assertEqual(
        told.map(({ outcome }) => outcome),
        [
          { status: 'done' },
          { status: 'failed', code: 'dead-letter-unknown' },
          { status: 'done', counts: { refused: 1 } },
          { status: 'done' },
          { status: 'done' },
          { status: 'done' },
        ],
        'what came of it',
      )
      assertEqual(told[4]?.['arguments'], { subscription, to: 'end', effects: 'run' }, 'with what')
      const replaced = told[0]?.['arguments']
      assertEqual(replaced, { subscription, position, data: { bytes: 6 } }, 'payloads are not repeated')
      assertEqual(
        events.every((each) => each.event.time !== undefined),
        true,
        'when',
      )
    },
  },
  {
    name: 'no action of an operator is missing in the audit',
    async run(context) {
      const { broker, caller } = await Scene.open(context, { policy: { delayMs: 3_600_000 } })
      const operator = { ...caller, principal: 'mary' }
      const [stored] = await broker.publish(caller, { topic: ofScene, events: [{ event: event('1', 'a') }] })
      const positions = [(stored as { position: string }).position]
      const { redrive } = await broker.startRedrive(operator, { subscription })
      const database = (id: string) => ({ service: 'shop', database: id })
      await broker.registerService(caller, database('first'))
      for (const act of [
        () => broker.stopRedrive(operator, { subscription, redrive }),
        () => broker.redrive(operator, { subscription, positions }),
        () => broker.discard(operator, { subscription, positions }),
        () => broker.cancel(operator, { subscription, positions }),
        () => broker.pause(operator, subscription),
        () => broker.resume(operator, subscription),
        () => broker.noteRepair(operator, { topic: ofScene, repairs: [{ key: 'a', cause: 'lost', action: 'told' }] }),
        () => broker.erase(operator, { topic: ofScene, key: 'a' }),
        () => broker.registerService(operator, { ...database('second'), replace: true }),
        () => broker.removeSubscription(operator, subscription),
        () => broker.removeTopic(operator, ofScene),
      ]) {
        await act()
      }
      const { events } = await broker.read(caller, { topic })
      assertEqual(
        events.map((each) => JSON.parse(text.decode(each.event.data)) as Record<string, unknown>).map(toLine),
        [
          `mary startRedrive ${subscription}`,
          `mary stopRedrive ${subscription}`,
          `mary redrive ${subscription}`,
          `mary discard ${subscription}`,
          `mary cancel ${subscription}`,
          `mary pause ${subscription}`,
          `mary resume ${subscription}`,
          `mary repair ${ofScene}`,
          `mary erase ${ofScene}`,
          'mary replaceService shop',
          `mary removeSubscription ${subscription}`,
          `mary removeTopic ${ofScene}`,
        ],
        'who did what to what',
      )
    },
  },
  {
    name: 'nobody publishes to the audit, defines it or removes it',
    async run(context) {
      const { broker, caller } = await Scene.open(context)
      await broker.pause(caller, subscription)
      const forged = { id: '1', source: '/tidings', type: `${topic}.seek` }
      for (const [what, call] of [
        ['publish', () => broker.publish(caller, { topic, events: [{ event: forged }] })],
        ['define', () => broker.putTopic(caller, { topic, kind: 'event', owner: 'tidings' })],
        ['remove', () => broker.removeTopic(caller, topic)],
      ] as const) {
        const code = await call().then(
          () => 'done',
          (error: unknown) => (error instanceof TidingsError ? error.code : String(error)),
        )
        assertEqual(code, 'forbidden', what)
      }
      assertEqual((await broker.read(caller, { topic })).events.length, 1, 'what is written stays')
    },
  },
]

function toLine({ principal, action, subject }: Record<string, unknown>): string {
  return `${String(principal)} ${String(action)} ${String(subject)}`
}
