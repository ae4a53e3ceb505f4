import { assertEqual, assertRejects } from '../../engine/conformance/assert.ts'
import type { ConsumerNeeds, ContractConsumer } from '../port/contracts.ts'
import type { BrokerCase, BrokerContext } from './case.ts'

const topic = 'crm.customer'
const text = { type: 'string' }
const created = `${topic}.created`
const updated = `${topic}.updated`

/** An entity of two types, with or without the email of its customers. */
async function register({ broker, caller }: BrokerContext, properties: object, plan: 'register' | 'plan' = 'register') {
  const schema = { type: 'object', properties: { id: text, ...properties }, required: ['id'] }
  const types = [created, updated].map((type) => ({ type, schema }))
  const contract = { service: 'crm', topics: [{ topic, kind: 'entity' as const, key: 'id', types }] }
  return plan === 'plan' ? broker.planContract(caller, contract) : broker.registerContract(caller, contract)
}

const address = { type: 'object', properties: { city: text, zip: text } }
const whole = { email: text, address }

function report({ broker, caller }: BrokerContext, consumer: string, needs: Partial<ConsumerNeeds>): Promise<void> {
  const { as = 'handler', fields = [], observed = false } = needs
  const service = consumer.split('.')[0]!
  return broker.reportNeeds(caller, {
    service,
    needs: [{ topic: needs.topic ?? topic, consumer, as, fields, observed }],
  })
}

async function consumers({ broker, caller }: BrokerContext): Promise<readonly ContractConsumer[]> {
  return (await broker.contract(caller, 'crm')).topics[0]!.consumers
}

function fieldsOf(consumer: ContractConsumer | undefined): readonly string[] | undefined {
  return consumer?.needs?.fields.map(({ field }) => field)
}

export const needsCases: readonly BrokerCase[] = [
  {
    name: 'a plan lists whoever reads what it removes or alters, and whoever may',
    async run(context) {
      const { broker, caller } = context
      await register(context, whole)
      const subscribe = (subscription: string, types?: readonly string[]) =>
        broker.putSubscription(caller, { subscription, topic, from: 'beginning', ...(types && { filter: { types } }) })
      await subscribe('mail.welcome', [created])
      await subscribe('mail.farewell', [`${topic}.deleted`])
      await subscribe('billing.unknown')
      await subscribe('sales.replica.crm.customer.1')
      await report(context, 'mail.welcome', { fields: ['/email', '/id'], observed: true })
      await report(context, 'mail.farewell', { fields: ['/email'] })
      await report(context, 'sales.replica.crm.customer', { as: 'replica', fields: ['/id', '/address/city'] })
      await report(context, 'audit.all', { fields: [''] })

      const { affected } = await register(context, { address }, 'plan')
      const told = affected.map(({ consumer, as, types, fields, known }) => [consumer, as, types, fields, known])
      assertEqual(
        told,
        [
          ['audit.all', 'handler', [created, updated], [''], 'declared'],
          ['billing.unknown', 'subscription', [created, updated], [], 'nothing'],
          ['mail.welcome', 'handler', [created], ['/email'], 'observed'],
        ],
        'without the email',
      )
      const narrower = { ...whole, address: { type: 'object', properties: { zip: text } } }
      const inside = await register(context, narrower, 'plan')
      const names = inside.affected.map(({ consumer, fields }) => [consumer, ...fields].join(' '))
      const wanted = ['audit.all ', 'billing.unknown', 'sales.replica.crm.customer /address/city']
      assertEqual(names, wanted, 'without the city')
      const more = await register(context, { ...whole, name: text }, 'plan')
      assertEqual(more.affected, [], 'a field that comes concerns nobody')
    },
  },
  {
    name: 'what was seen is added to what is known of a consumer, and what is declared replaces it',
    async run(context) {
      await register(context, whole)
      await report(context, 'mail.welcome', { fields: ['/email'], observed: true })
      await report(context, 'mail.welcome', { fields: ['/address/city'], observed: true })
      const [seen] = await consumers(context)
      assertEqual([fieldsOf(seen), seen!.needs!.observed], [['/address/city', '/email'], true], 'seen')
      assertEqual(seen!.needs!.seenAt % 3_600_000, 0, 'to the hour')
      await report(context, 'mail.welcome', { fields: ['/id'] })
      const [declared] = await consumers(context)
      assertEqual([fieldsOf(declared), declared!.needs!.observed], [['/id'], false], 'declared')
      await report(context, 'mail.welcome', { fields: ['/email'], observed: true })
      assertEqual(fieldsOf((await consumers(context))[0]), ['/email'], 'seen after it was declared')
    },
  },
  {
    name: 'whoever reads more fields than are kept is taken to read everything',
    async run(context) {
      await register(context, whole)
      const fields = Array.from({ length: 501 }, (_, index) => `/f${index}`)
      await report(context, 'mail.welcome', { fields, observed: true })
      assertEqual(fieldsOf((await consumers(context))[0]), [''], 'everything')
      await report(context, 'mail.welcome', { fields: [`/${'x'.repeat(600)}`] })
      assertEqual(fieldsOf((await consumers(context))[0]), [''], 'a field that is too long')
    },
  },
  {
    name: 'what is known of a consumer goes with its subscription, and with its topic',
    async run(context) {
      const { broker, caller } = context
      await register(context, whole)
      for (const subscription of ['mail.welcome', 'sales.replica.crm.customer.1', 'sales.replica.crm.customer.2']) {
        await broker.putSubscription(caller, { subscription, topic, from: 'end' })
      }
      await report(context, 'mail.welcome', { fields: ['/email'] })
      await report(context, 'sales.replica.crm.customer', { as: 'replica', fields: ['/email'] })
      const names = async () => (await consumers(context)).map(({ consumer, needs }) => [consumer, needs !== undefined])
      await broker.removeSubscription(caller, 'mail.welcome')
      assertEqual(await names(), [['sales.replica.crm.customer', true]], 'the handler is gone')
      await broker.removeSubscription(caller, 'sales.replica.crm.customer.1')
      assertEqual(await names(), [['sales.replica.crm.customer', true]], 'the copy was built again')
      await broker.removeSubscription(caller, 'sales.replica.crm.customer.2')
      assertEqual(await names(), [], 'the copy is gone')
      await report(context, 'mail.welcome', { fields: ['/email'] })
      await broker.removeTopic(caller, topic)
      await register(context, whole)
      assertEqual(await names(), [], 'the topic is another one')
    },
  },
  {
    name: 'contracts() tells who owns what and who uses it, without the schemas',
    async run(context) {
      const { broker, caller } = context
      await register(context, whole)
      await broker.putTopic(caller, { topic: 'shop.order', kind: 'event', owner: 'shop' })
      await broker.putSubscription(caller, { subscription: 'mail.thanks', topic: 'shop.order', from: 'end' })
      await report(context, 'mail.welcome', { fields: ['/email'] })
      const listed = (await broker.contracts(caller)).filter(({ service }) => service !== 'tidings')
      const told = listed.map(({ service, registered, topics }) => [
        service,
        registered?.by,
        topics.map((each) => [
          each.topic,
          each.kind,
          each.types.length,
          each.consumers.map(({ consumer }) => consumer),
        ]),
      ])
      const wanted = [
        ['crm', caller.principal, [[topic, 'entity', 2, ['mail.welcome']]]],
        ['shop', undefined, [['shop.order', 'event', 0, ['mail.thanks']]]],
      ]
      assertEqual(told, wanted, 'the catalogue')
      const type = listed[0]!.topics[0]!.types[0]!
      assertEqual([type.schema, type.versions[0]!.revisions[0]!.schema], [undefined, undefined], 'no schemas')
    },
  },
  {
    name: 'reportNeeds() refuses what nobody can need, and keeps what is read of topics that exist',
    async run(context) {
      const { broker, caller } = context
      await register(context, whole)
      const refused = (consumer: string, needs: object) => report(context, consumer, needs)
      await assertRejects(refused('mail.welcome', { topic: 'crm.nothing' }), 'topic-unknown', 'no topic')
      await assertRejects(refused('mail.welcome', { fields: ['email'] }), 'bad-request', 'no pointer')
      await assertRejects(refused('mail', {}), 'bad-request', 'no consumer')
      await assertRejects(refused('mail.welcome', { as: 'reader' }), 'bad-request', 'nothing that reads')
      const of = (consumer: string, from: string): ConsumerNeeds => {
        return { topic: from, consumer, as: 'handler', fields: [''], observed: false }
      }
      const needs = [of('mail.welcome', topic), of('mail.other', 'crm.nothing')]
      const foreign = broker.reportNeeds(caller, { service: 'mail', needs: [of('sales.copy', topic)] })
      await assertRejects(foreign, 'bad-request', 'a consumer of somebody else')
      assertEqual(await consumers(context), [], 'nothing is kept')
      await assertRejects(broker.reportNeeds(caller, { service: 'mail', needs }), 'topic-unknown', 'one of two')
      assertEqual(fieldsOf((await consumers(context))[0]), [''], 'what is read of the other one')
    },
  },
]
