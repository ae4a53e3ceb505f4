import { assertEqual } from '../../engine/conformance/assert.ts'
import { TidingsError } from '../../errors.ts'
import { event, ids, Scene, subscription, topic, type BrokerCase, type BrokerContext } from './case.ts'

const text = new TextDecoder()
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)

/** What operators do with dead letters beside redriving them: replace, and be told what a state allows. */
export const operateDeadLetterCases: readonly BrokerCase[] = [
  {
    name: 'replace() hands a dead letter back under its identity with the payload of the operator, then the rest of its key',
    async run(context) {
      const { scene, position } = await open(context)
      const data = bytes('{"id":9223372036854775807}')
      const { replaced } = await scene.broker.replace(context.caller, { subscription, position, data })
      assertEqual([replaced.edit, replaced.by], [1, context.caller.principal], 'the first edit, by its operator')
      const deliveries = await scene.pullNow()
      assertEqual(
        deliveries.map((delivery) => [delivery.event.id, delivery.attempt, text.decode(delivery.event.data)]),
        [
          ['1', 1, '{"id":9223372036854775807}'],
          ['2', 1, '{"id":"2"}'],
        ],
        'byte for byte, in order',
      )
      const { events } = await scene.broker.read(context.caller, { topic })
      assertEqual(text.decode(events[0]?.event.data), '{"id":"1"}', 'the topic stays as it is')
    },
  },
  {
    name: 'a replaced payload is kept until it is settled: through another death, and in explain() and the list',
    async run(context) {
      const { scene, position } = await open(context)
      const { replaced } = await scene.broker.replace(context.caller, { subscription, position, data: bytes('2') })
      await scene.kill('1')
      const [letter] = (await scene.broker.deadLetters(context.caller, { subscription })).deadLetters
      assertEqual([letter?.replaced, text.decode(letter?.event.data)], [replaced, '2'], 'the list')
      const dead = await scene.broker.explain(context.caller, { subscription, event: { position } })
      assertEqual([dead.state, dead.replaced], ['dead', replaced], 'explain')
      await scene.broker.redrive(context.caller, { subscription, positions: [position], edit: 1 })
      const [delivery] = await scene.pull(1)
      assertEqual([delivery?.event.id, text.decode(delivery?.event.data)], ['1', '2'], 'as it was rewritten')
      await scene.ack(delivery!)
      const settled = await scene.broker.explain(context.caller, { subscription, event: { position } })
      assertEqual([settled.state, settled.replaced], ['settled', undefined], 'nothing is kept of it')
    },
  },
  {
    name: 'a dead letter that was edited meanwhile is redriven or replaced only by who says which edit it means',
    async run(context) {
      const { scene, position } = await open(context)
      const replace = (edit?: number) =>
        scene.broker.replace(context.caller, {
          subscription,
          position,
          data: bytes(`${edit ?? 0}`),
          ...(edit !== undefined && { edit }),
        })
      const redrive = async (positions: readonly string[] | 'all') => {
        const [answer] = await scene.broker.redrive(context.caller, { subscription, positions })
        return answer?.status === 'refused' ? answer.code : answer?.status
      }
      await replace()
      await scene.kill('1')
      assertEqual(await codeOf(replace()), 'dead-letter-edited', 'replaced as if nobody had')
      assertEqual(await codeOf(replace(2)), 'dead-letter-edited', 'replaced as if somebody had once more')
      assertEqual(await redrive([position]), 'dead-letter-edited', 'redriven as if nobody had')
      assertEqual(await redrive('all'), 'dead-letter-edited', 'redriven with all the others')
      assertEqual(ids(await scene.pullNow()), [], 'nothing moved')
      assertEqual((await replace(1)).replaced.edit, 2, 'replaced by somebody who has seen it')
      const [delivery] = await scene.pull(1)
      assertEqual(text.decode(delivery?.event.data), '1', 'the second edit is delivered')
    },
  },
  {
    name: 'replace() takes no payload that publishing would refuse, and the dead letter stays as it was',
    async run(context) {
      const { scene, position } = await open(context)
      const data = new Uint8Array(1_048_577)
      const call = scene.broker.replace(context.caller, { subscription, position, data })
      assertEqual(await codeOf(call), 'payload-too-large', 'a mebibyte and a byte')
      const [letter] = (await scene.broker.deadLetters(context.caller, { subscription })).deadLetters
      assertEqual([letter?.event.id, letter?.replaced], ['1', undefined], 'the dead letter')
    },
  },
  {
    name: 'a replaced payload survives a crash of the broker, and a seek that makes the event come again forgets it',
    restarts: true,
    async run(context) {
      const { scene, position } = await open(context)
      await scene.broker.replace(context.caller, { subscription, position, data: bytes('2') })
      scene.broker = await context.crash!()
      const [delivery] = await scene.pull(1)
      assertEqual([delivery?.event.id, text.decode(delivery?.event.data)], ['1', '2'], 'after the crash')
      await scene.broker.seek(context.caller, { subscription, to: 'beginning' })
      const [again] = await scene.pull(1)
      assertEqual([again?.event.id, text.decode(again?.event.data)], ['1', '{"id":"1"}'], 'from the log')
      const { replaced } = await scene.broker.explain(context.caller, { subscription, event: { position } })
      assertEqual(replaced, undefined, 'nothing is kept of it')
    },
  },
  {
    name: 'a subscription says what its state allows',
    async run(context) {
      const { broker } = await Scene.open(context)
      const paused = await broker.pause(context.caller, subscription)
      const resumed = await broker.resume(context.caller, subscription)
      assertEqual(
        [paused.actions, resumed.actions],
        [
          ['seek', 'redrive', 'resume', 'remove'],
          ['seek', 'redrive', 'pause', 'remove'],
        ],
        'paused, and running',
      )
    },
  },
  {
    name: 'explain() says what the state of an event allows, and what it does not allow is refused with both',
    async run(context) {
      const { scene, position } = await open(context)
      const explain = () => scene.broker.explain(context.caller, { subscription, event: { position } })
      assertEqual((await explain()).actions, ['redrive', 'replace', 'discard'], 'of a dead letter')
      await scene.broker.redrive(context.caller, { subscription, positions: [position] })
      await scene.ack(...(await scene.pullNow()))
      const { state, actions } = await explain()
      assertEqual([state, actions], ['settled', ['seek']], 'of what is settled')
      for (const verb of ['redrive', 'discard', 'cancel'] as const) {
        const [answer] = await scene.broker[verb](context.caller, { subscription, positions: [position] })
        const message = answer?.status === 'refused' ? answer.message : ''
        assertEqual(
          ['"settled"', verb, 'seek'].filter((word) => !message.includes(word)),
          [],
          `${verb} is refused with the state and what it allows: ${message}`,
        )
      }
      const twice = scene.broker.redrive(context.caller, { subscription, positions: [position, position] })
      assertEqual(await codeOf(twice), 'bad-request', 'one position twice')
    },
  },
]

/** Two events of one key, of which the first is a dead letter. */
async function open(context: BrokerContext): Promise<{ scene: Scene; position: string }> {
  const scene = await Scene.open(context)
  await scene.publish(event('1', 'a'), event('2', 'a'))
  await scene.kill('1')
  const [letter] = (await scene.broker.deadLetters(context.caller, { subscription })).deadLetters
  return { scene, position: letter!.position }
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'done'
  } catch (error) {
    return error instanceof TidingsError ? error.code : String(error)
  }
}
