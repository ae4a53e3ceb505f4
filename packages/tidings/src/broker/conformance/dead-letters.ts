import { assertEqual } from '../../engine/conformance/assert.ts'
import { event, ids, Scene, subscription, topic, type BrokerCase, type BrokerContext } from './case.ts'

export const deadLetterCases: readonly BrokerCase[] = [
  {
    name: 'retries come first, then the event is a dead letter with its last reason',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      await scene.kill('1')
      const { deadLetters } = await list(context)
      assertEqual(
        deadLetters.map((letter) => [letter.event.id, letter.attempts, letter.reason]),
        [['1', 2, 'it breaks']],
        'the dead letter',
      )
    },
  },
  {
    name: 'park: later events of the key wait, every other key moves',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      await scene.kill('1')
      await scene.publish(event('2', 'a'), event('3', 'b'))
      assertEqual(ids(await scene.pullNow()), ['3'], 'the other key')
      assertEqual((await list(context)).deadLetters[0]?.parked, 1, 'one waits behind the dead letter')
    },
  },
  {
    name: 'continue: later events of the key go on',
    async run(context) {
      const scene = await Scene.open(context, { policy: { onDeadLetter: 'continue' } })
      await scene.publish(event('1', 'a'), event('2', 'a'))
      const [delivery] = await scene.pull(1)
      await scene.settle(delivery!, { action: 'dead-letter', reason: 'no use' })
      assertEqual(ids(await scene.pullNow()), ['2'], 'the next of the key')
    },
  },
  {
    name: 'supersede: a newer state heals the copy instead of waiting behind a poisoned older one',
    async run(context) {
      const scene = await Scene.open(context, { policy: { onDeadLetter: 'supersede' } })
      await scene.publish(event('1', 'a'))
      const [delivery] = await scene.pull(1)
      await scene.settle(delivery!, { action: 'dead-letter', reason: 'poison' })
      await scene.publish(event('2', 'a'), event('3', 'a'))
      const after = await scene.pullNow()
      assertEqual(ids(after).at(-1), '3', 'the newest state is delivered')
      await scene.ack(...after)
      const { superseded, dead, pending } = await scene.broker.stats(context.caller, subscription)
      assertEqual([superseded + after.length, dead, pending], [3, 0, 0], 'nothing is left of the poison')
    },
  },
  {
    name: 'redrive() hands a dead letter back with all its attempts, and the rest of its key follows in order',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'a'))
      await scene.kill('1')
      const answers = await scene.broker.redrive(context.caller, { subscription, positions: 'all' })
      assertEqual(
        answers.map(({ status }) => status),
        ['redriven'],
        'the answer',
      )
      const again = await scene.pullNow()
      assertEqual(
        again.map(({ event: { id }, attempt }) => [id, attempt]),
        [
          ['1', 1],
          ['2', 1],
        ],
        'both, in order',
      )
    },
  },
  {
    name: 'dead letters are listed oldest first, with reason and attempts, in pages',
    async run(context) {
      const scene = await Scene.open(context)
      for (const id of ['1', '2', '3']) {
        await scene.publish(event(id, id))
        await scene.kill(id)
      }
      const list = (after?: string) =>
        scene.broker.deadLetters(context.caller, { subscription, limit: 2, ...(after !== undefined && { after }) })
      const first = await list()
      const second = await list(first.next)
      assertEqual(
        [first, second].map(({ deadLetters }) => deadLetters.map(({ event: { id } }) => id)),
        [['1', '2'], ['3']],
        'each once',
      )
      assertEqual(second.next, undefined, 'the last page says so')
      const [{ reason, attempts } = {}] = first.deadLetters
      assertEqual([reason, attempts], ['it breaks', 2], 'why, and after how many attempts')
    },
  },
  {
    name: 'two operators redriving one dead letter make one delivery',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      await scene.kill('1')
      const { position } = (await list(context)).deadLetters[0]!
      const redrive = () => scene.broker.redrive(context.caller, { subscription, positions: [position] })
      const answers = (await Promise.all([redrive(), redrive()])).flat()
      assertEqual(answers.map(({ status }) => status).sort(), ['redriven', 'refused'], 'one of them is told')
      assertEqual(ids(await scene.pullNow()), ['1'], 'one delivery')
    },
  },
  {
    name: 'discard() gives a dead letter up: its key goes on without it, and nobody finds it again',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'a'))
      await scene.kill('1')
      const { position } = (await list(context)).deadLetters[0]!
      const discard = async () =>
        (await scene.broker.discard(context.caller, { subscription, positions: [position] }))[0]
      assertEqual((await discard())?.status, 'discarded', 'the first time')
      const deliveries = await scene.pullNow()
      assertEqual(ids(deliveries), ['2'], 'the key goes on')
      await scene.ack(...deliveries)
      const again = await discard()
      assertEqual(again?.status === 'refused' && again.code, 'dead-letter-unknown', 'the second time')
      const { discarded, dead, parked, pending } = await scene.broker.stats(context.caller, subscription)
      assertEqual([discarded, dead, parked, pending], [1, 0, 0, 0], 'the counts')
    },
  },
  {
    name: 'a seek leaves a dead letter from before its start where it is, and takes one that comes again',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'))
      await scene.kill('1')
      const end = await scene.broker.seek(context.caller, { subscription, to: 'end' })
      assertEqual(
        (await list(context)).deadLetters.map((letter) => letter.event.id),
        ['1'],
        'it is still there',
      )
      const stats = await scene.broker.stats(context.caller, subscription)
      assertEqual([stats.dead, stats.carried, stats.pending], [1, 1, 0], 'the counts')
      await scene.publish(event('2', 'a'))
      assertEqual(ids(await scene.pullNow()), [], 'its key waits for it as before')
      await scene.broker.seek(context.caller, { subscription, to: 'beginning' })
      assertEqual((await list(context)).deadLetters, [], 'it comes again, so it is no dead letter')
      const again = await scene.pullNow()
      assertEqual(
        again.map(({ event: { id }, generation, replay }) => [id, generation, replay]),
        [
          ['1', end.generation + 1, undefined],
          ['2', end.generation + 1, undefined],
        ],
        'both are handed out for the first time',
      )
    },
  },
  {
    name: 'after all deliveries were dead-lettered, the same key is delivered again when it is published again',
    async run(context) {
      const scene = await Scene.open(context, { policy: { onDeadLetter: 'continue' } })
      await scene.publish(event('1', 'a'))
      await scene.kill('1')
      await scene.publish(event('2', 'a'))
      assertEqual(ids(await scene.pullNow()), ['2'], 'delivery goes on')
    },
  },
  {
    name: 'what is parked stays readable when the schema of its topic changes, and goes on in order',
    async run(context) {
      const scene = await Scene.open(context)
      const { caller, broker } = scene
      const demand = (name: string) => {
        const schemas = { [topic]: { type: 'object', required: [name] } }
        return broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', schemas })
      }
      await demand('id')
      await scene.publish(event('1', 'a'), event('2', 'a'))
      await scene.kill('1')
      await demand('total')
      const [refused] = await broker.publish(caller, { topic, events: [{ event: event('3', 'b') }] })
      assertEqual(refused?.status === 'refused' && refused.code, 'schema-violation', 'the new schema holds')
      await broker.redrive(caller, { subscription, positions: 'all' })
      for (const id of ['1', '2']) {
        const [delivery] = await scene.pull(1)
        assertEqual(new TextDecoder().decode(delivery?.event.data), JSON.stringify({ id }), 'as it was published')
        await scene.ack(delivery!)
      }
    },
  },
  {
    name: 'a dead letter survives a crash of the broker, and so does the order behind it',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'a'))
      await scene.kill('1')
      scene.broker = await context.crash!()
      const { deadLetters } = await scene.broker.deadLetters(context.caller, { subscription })
      assertEqual(
        deadLetters.map((letter) => [letter.event.id, letter.parked]),
        [['1', 1]],
        'the dead letter',
      )
      await scene.broker.redrive(context.caller, { subscription, positions: 'all' })
      assertEqual(ids(await scene.pullNow()), ['1', '2'], 'in order')
    },
  },
]

function list({ broker, caller }: BrokerContext) {
  return broker.deadLetters(caller, { subscription })
}
