import { assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import type { ContractPlan, RegisterContractRequest } from '../port/contracts.ts'
import type { JsonSchema } from '../port/topics.ts'
import type { BrokerCase, BrokerContext } from './case.ts'

const topic = 'shop.order'
const text = { type: 'string' }
const number = { type: 'number' }

function objectOf(properties: Readonly<Record<string, JsonSchema>>, ...required: string[]): JsonSchema {
  return { type: 'object', properties, required }
}

const first = objectOf({ id: text, total: number }, 'id', 'total')
const wider = objectOf({ id: text, total: number, note: text }, 'id', 'total')
const breaking = objectOf({ id: text, total: text }, 'id', 'total')

function contractOf(schema: JsonSchema | undefined, more: object = {}): RegisterContractRequest {
  const types = [{ type: topic, ...(schema === undefined ? {} : { schema }), ...more }]
  return { service: 'shop', topics: [{ topic, kind: 'event', types }] }
}

/** The change and the verdict of each type. */
function told({ verdict, types }: ContractPlan): readonly string[] {
  return [verdict, ...types.map(({ change, version, revision }) => `${change} ${version}.${revision ?? '-'}`)]
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'accepted',
    (error: unknown) => (error as { code: string }).code,
  )
}

async function publish(
  { broker, caller }: BrokerContext,
  id: string,
  data: object,
  dataschema?: string,
): Promise<string> {
  const event = { id, source: '/shop', type: topic, ...(dataschema && { dataschema }), data: encode(data) }
  const [answer] = await broker.publish(caller, { topic, events: [{ event }] })
  return answer!.status === 'refused' ? answer!.code : answer!.status
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

export const contractCases: readonly BrokerCase[] = [
  {
    name: 'registerContract() creates the topics and holds publishers to the newest schema; again, it changes nothing',
    async run(context) {
      const { broker, caller } = context
      assertEqual(
        told(await broker.registerContract(caller, contractOf(first))),
        ['compatible', 'new-type 1.1'],
        'first',
      )
      assertEqual(await publish(context, '1', { id: 'a', total: 1 }), 'stored', 'an event that fits')
      assertEqual(await publish(context, '2', { id: 'a', total: 'one' }), 'schema-violation', 'one that does not')
      const before = await broker.contract(caller, 'shop')
      assertEqual(told(await broker.registerContract(caller, contractOf(first))), ['unchanged', 'none 1.1'], 'again')
      assertEqual(await broker.contract(caller, 'shop'), before, 'the same with the same date')
      const reordered = { required: ['id', 'total'], properties: { total: number, id: text }, type: 'object' }
      assertEqual(
        told(await broker.registerContract(caller, contractOf(reordered))),
        ['unchanged', 'none 1.1'],
        'order',
      )
    },
  },
  {
    name: 'a schema that is compatible is the next revision, every one is kept, and an older process changes nothing',
    async run(context) {
      const { broker, caller } = context
      await broker.registerContract(caller, contractOf(first))
      const plan = await broker.registerContract(caller, contractOf(wider))
      assertEqual(told(plan), ['compatible', 'new-revision 1.2'], 'the plan')
      assertEqual(plan.types[0]!.fields, [{ field: '/note', change: 'added' }], 'its fields')
      assertEqual(
        told(await broker.registerContract(caller, contractOf(first))),
        ['unchanged', 'none 1.1'],
        'an older one',
      )
      const [described] = (await broker.contract(caller, 'shop')).topics
      const [version] = described!.types[0]!.versions
      assertEqual([version!.current, version!.revisions.map(({ schema }) => schema)], [2, [first, wider]], 'revisions')
      assertEqual(described!.types[0]!.schema, wider, 'what publishers are held to')
      assertEqual(await publish(context, '1', { id: 'a', total: 1, note: 5 }), 'schema-violation', 'the newest holds')
    },
  },
  {
    name: 'a schema that breaks readers is refused with the rule, the path and a witness, and nothing is registered',
    async run({ broker, caller }) {
      await broker.registerContract(caller, contractOf(first))
      const before = await broker.contract(caller, 'shop')
      const request = contractOf(breaking)
      const [type] = (await broker.planContract(caller, request)).types
      const found = type!.findings.map(({ rule, path, direction, against, witness }) => {
        return [rule, path, direction, against, typeof witness]
      })
      const narrowed = ['type-narrowed', '/properties/total/type']
      const wanted = ['backward', 'forward'].map((direction) => [...narrowed, direction, '1.1', 'object'])
      assertEqual([type!.verdict, found], ['incompatible', wanted], 'rule, path and witness')
      assertEqual(type!.fields, [{ field: '/total', change: 'altered' }], 'fields')
      const refused = await broker
        .registerContract(caller, { ...request, acceptUndecided: true })
        .catch((error) => error)
      const { code, details } = refused as { code: string; details: ContractPlan }
      assertEqual(
        [code, details.types[0]?.findings],
        ['contract-incompatible', type!.findings],
        'refused with its plan',
      )
      assertEqual(await broker.contract(caller, 'shop'), before, 'nothing is registered')
      const withoutRules = { ...request, compatibility: { mode: 'none' as const } }
      assertEqual(told(await broker.registerContract(caller, withoutRules)), ['compatible', 'new-revision 1.2'], 'none')
    },
  },
  {
    name: 'the mode of a topic comes before that of its contract, and transitive ones look at every revision',
    async run({ broker, caller }) {
      const optional = (properties: Readonly<Record<string, JsonSchema>>) => objectOf({ id: text, ...properties }, 'id')
      const register = (schema: JsonSchema, mode: 'backward' | 'backward-transitive' | 'none') => {
        const { topics, ...rest } = contractOf(schema)
        const topicMode = topics.map((each) => ({ ...each, compatibility: { mode } }))
        return broker.registerContract(caller, { ...rest, compatibility: { mode: 'full' }, topics: topicMode })
      }
      await register(optional({ note: text }), 'backward')
      await register(optional({}), 'backward')
      assertEqual(
        await codeOf(register(optional({ note: number }), 'backward-transitive')),
        'contract-incompatible',
        'all',
      )
      assertEqual(await codeOf(register(optional({ note: number }), 'backward')), 'accepted', 'the newest alone')
      const { topics } = await broker.contract(caller, 'shop')
      assertEqual(topics[0]!.compatibility, { mode: 'backward', policy: 'lenient' }, 'the setting')
    },
  },
  {
    name: 'a new version says which it can upcast, and events of each version are held to its own schema',
    async run(context) {
      const { broker, caller } = context
      await broker.registerContract(caller, contractOf(first))
      const second = (more: object = {}) => contractOf(breaking, { version: 2, ...more })
      const [type] = (await broker.planContract(caller, second())).types
      assertEqual(
        type!.findings.map(({ rule }) => rule),
        ['version-without-upcast'],
        'what is missing',
      )
      assertEqual(await codeOf(broker.registerContract(caller, second())), 'contract-incompatible', 'without upcasts')
      const plan = await broker.registerContract(caller, second({ oldestVersion: 1 }))
      assertEqual(told(plan), ['compatible', 'new-version 2.1'], 'with upcasts')
      assertEqual(await publish(context, '1', { id: 'a', total: '1' }, `tidings:${topic}/2`), 'stored', 'of version 2')
      assertEqual(await publish(context, '2', { id: 'a', total: 1 }, `tidings:${topic}/2`), 'schema-violation', 'mixed')
      assertEqual(await publish(context, '3', { id: 'a', total: 1 }, `tidings:${topic}/1`), 'stored', 'of version 1')
      assertEqual(await publish(context, '4', { id: 'a', total: 1 }), 'stored', 'of version 1, saying nothing')
      assertEqual(
        await publish(context, '5', { id: 'a', total: '1' }),
        'schema-violation',
        'of version 2, saying nothing',
      )
      assertEqual(await publish(context, '6', { id: 'a' }, `tidings:${topic}/3`), 'schema-violation', 'of none')
      assertEqual(
        told(await broker.registerContract(caller, contractOf(first))),
        ['unchanged', 'none 1.1'],
        'the older',
      )
    },
  },
  {
    name: 'what a contract names no more stays, and is said',
    async run(context) {
      const { broker, caller } = context
      const { topics, service } = contractOf(first)
      const other = { topic: 'shop.paid', kind: 'event' as const, types: [{ type: 'shop.paid', schema: first }] }
      await broker.registerContract(caller, { service, topics: [...topics, other] })
      const plan = await broker.registerContract(caller, contractOf(first))
      assertEqual(told(plan), ['unchanged', 'none 1.1', 'absent 1.1'], 'the plan')
      const described = await broker.contract(caller, 'shop')
      const kept = described.topics.map((each) => [each.topic, each.types[0]?.versions.length])
      assertEqual(
        kept,
        [
          [topic, 1],
          ['shop.paid', 1],
        ],
        'both topics with their schemas',
      )
      await broker.removeTopic(caller, 'shop.paid')
      assertEqual((await broker.contract(caller, 'shop')).topics.length, 1, 'a topic that was removed')
      assertEqual(
        told(await broker.registerContract(caller, contractOf(first))),
        ['unchanged', 'none 1.1'],
        'is absent',
      )
    },
  },
  {
    name: 'a topic keeps the schemas of its contract, and those that it had before are its first revision',
    async run({ broker, caller }) {
      const put = (schema: JsonSchema) =>
        broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', schemas: { [topic]: schema } })
      await put(first)
      const listed = await broker.contract(caller, 'shop')
      assertEqual([listed.registered, listed.topics[0]!.types[0]!.schema], [undefined, first], 'before')
      assertEqual(
        await codeOf(broker.registerContract(caller, contractOf(breaking))),
        'contract-incompatible',
        'checked',
      )
      assertEqual(
        told(await broker.registerContract(caller, contractOf(wider))),
        ['compatible', 'new-revision 1.2'],
        'then',
      )
      await assertRejects(put(breaking), 'topic-conflict', 'a schema that was not registered')
      assertEqual((await put(first)).schemas, { [topic]: wider }, 'one that was')
      const plain = await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', retention: { maxEvents: 5 } })
      assertEqual([plain.schemas, plain.retention], [{ [topic]: wider }, { maxEvents: 5 }], 'none')
    },
  },
  {
    name: 'registerContract() refuses what is no contract, and topics of somebody else',
    async run({ broker, caller }) {
      await broker.putTopic(caller, { topic: 'crm.customer', kind: 'entity', owner: 'crm' })
      const register = (topics: object) =>
        codeOf(broker.registerContract(caller, { service: 'shop', ...topics } as RegisterContractRequest))
      const of = (change: object, type: object = {}) => {
        const types = [{ type: topic, schema: first, ...type }]
        return register({ topics: [{ topic, kind: 'event', types, ...change }] })
      }
      assertEqual(await of({ topic: 'crm.customer', kind: 'entity', types: [] }), 'topic-conflict', 'another owner')
      assertEqual(await of({ topic: 'Shop' }), 'name-invalid', 'no name')
      assertEqual(await of({ kind: 'stream' }), 'bad-request', 'no kind')
      assertEqual(await of({ kind: 'entity' }), 'bad-request', 'a type that an entity does not have')
      assertEqual(await of({ compatibility: { mode: 'sideways' } }), 'bad-request', 'no mode')
      assertEqual(await of({ replies: true }), 'bad-request', 'answers with types')
      assertEqual(await of({}, { version: 0 }), 'bad-request', 'no version')
      assertEqual(await of({}, { version: 2, oldestVersion: 3 }), 'bad-request', 'an oldest that is newer')
      assertEqual(await of({}, { schema: { type: 'thing' } }), 'bad-request', 'no schema')
      assertEqual(await of({}, { type: '' }), 'bad-request', 'no type')
      const twice = { topic, kind: 'event', types: [] }
      assertEqual(await register({ topics: [twice, twice] }), 'bad-request', 'a topic twice')
      await assertRejects(broker.contract(caller, 'shop'), 'contract-unknown', 'nothing is registered')
    },
  },
  {
    name: 'a contract is there after a crash, with its revisions, and goes on',
    restarts: true,
    async run(context) {
      await context.broker.registerContract(context.caller, contractOf(first))
      await context.broker.registerContract(context.caller, contractOf(wider))
      const before = await context.broker.contract(context.caller, 'shop')
      const broker = await context.crash!()
      assertEqual(await broker.contract(context.caller, 'shop'), before, 'the same')
      assertEqual(
        told(await broker.registerContract(context.caller, contractOf(wider))),
        ['unchanged', 'none 1.2'],
        'on',
      )
      await assertRejects(
        broker.registerContract(context.caller, contractOf(breaking)),
        'contract-incompatible',
        'held',
      )
    },
  },
]
