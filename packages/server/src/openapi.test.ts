import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { routes, type Operation } from 'tidings/protocol'
import { describeApi } from './openapi.ts'
import { openShop } from './shop.fixture.ts'
import type { Bench } from './bench.fixture.ts'

interface Described {
  readonly operationId: string
  readonly parameters: readonly { name: string; in: string }[]
  readonly responses: Record<string, { content?: Record<string, { schema: object }> }>
}
const api = describeApi('1.2.3') as { paths: Record<string, Record<string, Described>>; components: object }
const described = Object.values(api.paths)
  .flatMap((item) => Object.values(item))
  .filter(({ operationId }) => operationId)

describe('the description of the API', () => {
  it('names each operation once, with every name in its path', () => {
    expect(described.map(({ operationId }) => operationId).sort()).toEqual(Object.keys(routes).sort())
    for (const { operationId, parameters } of described) {
      const inPath = parameters.filter((each) => each.in === 'path').map(({ name }) => `{${name}}`)
      expect(inPath).toEqual(['{namespace}', ...(routes[operationId as Operation].path.match(/\{\w+\}/g) ?? [])])
    }
  })

  it('refers to nothing that is not there', () => {
    const compiler = new Ajv2020({ strict: false })
    compiler.addSchema(api, 'api')
    const references = new Set(JSON.stringify(api).match(/#\/components\/[^"]+/g))
    for (const reference of references) expect(compiler.getSchema(`api${reference}`), reference).toBeDefined()
  })

  it('is what the server serves', async () => {
    await using bench = await openShop()
    const answer = await fetch(`${bench.server.url}/openapi.json`)
    expect(await answer.json()).toMatchObject({ openapi: '3.1.0', info: { version: '0.1.0' } })
  })

  it('describes what the operations really answer', async () => {
    await using bench = await openShop({ push: { allow: ['127.0.0.1'] } })
    for (const [operation, answer] of await realAnswers(bench)) {
      const { responses } = described.find(({ operationId }) => operationId === operation)!
      const schema = responses['200']?.content?.['application/json']?.schema ?? false
      const fits = new Ajv2020({ strict: false }).compile({ ...(schema as object), components: api.components })
      expect(fits(answer), `${operation}: ${JSON.stringify(fits.errors)}`).toBe(true)
    }
  })
})

/** What answers nothing. */
const silent = new Set<Operation>([
  'registerService',
  'reportNeeds',
  'removeTopic',
  'removeSubscription',
  'removeSchedule',
  'removePush',
  'noteRepair',
  // It goes on without an end; live.test.ts reads what it sends.
  'follow',
])

/** One answer of each operation that answers something. */
async function realAnswers({ call }: Bench): Promise<[Operation, object][]> {
  const answers: [Operation, object][] = []
  const subscription = '/subscriptions/mail.all'
  const ask = async (operation: Operation, path: string, json?: object): Promise<Record<string, never>> => {
    const { status, body } = await call(routes[operation].method, path, json ? { json } : {})
    expect(status, operation).toBe(200)
    answers.push([operation, body])
    return body
  }
  await ask('putTopic', '/topics/a.b', { kind: 'entity', owner: 'a' })
  await ask('publish', '/topics/a.b/events?type=a.b.created&key=k', { x: 1 })
  await askContracts(ask)
  await ask('topic', '/topics/a.b')
  await ask('topics', '/topics')
  await ask('read', '/topics/a.b/events')
  await ask('latest', '/topics/a.b/latest')
  await ask('history', '/topics/a.b/history', { keys: ['k'] })
  await ask('erase', '/topics/a.b/erase', { key: 'k' })
  await ask('producer', '/topics/a.b/producers/p')
  const template = { type: 'shop.order', data_base64: 'e30=' }
  await ask('putSchedule', '/schedules/shop.daily', { topic: 'shop.order', expression: '0 8 * * *', event: template })
  await ask('schedules', '/schedules')
  const policy = { coalesce: { intervalMs: 0, urgent: { exact: { urgent: 'yes' } } } }
  const filter = { types: ['shop.order'], any: [{ not: { exact: { subject: 'x' } } }, { prefix: { source: 's' } }] }
  await ask('putSubscription', subscription, { topic: 'shop.order', from: 'beginning', filter, policy })
  await ask('subscription', subscription)
  await ask('subscriptions', '/subscriptions')
  await ask('putPush', `${subscription}/push`, { url: 'http://127.0.0.1:9/', timeoutMs: 1_000 })
  await ask('push', `${subscription}/push`)
  await ask('resumePush', `${subscription}/push/resume`)
  const { deliveries } = (await ask('pull', `${subscription}/pull`, {})) as unknown as {
    deliveries: [{ lease: string; position: string }]
  }
  const [{ lease, position }] = deliveries
  await ask('renew', `${subscription}/renew`, { leases: [lease, 'lost'], leaseMs: 30_000 })
  await ask('settle', `${subscription}/settle`, { outcomes: [{ lease, action: 'dead-letter', reason: 'no' }] })
  await ask('deadLetters', `${subscription}/dead-letters`)
  await ask('explain', `${subscription}/explain?position=${position}`)
  await ask('replace', `${subscription}/dead-letters/${position}`, { x: 2 })
  await ask('redrive', `${subscription}/dead-letters/redrive`, { positions: [position] })
  await ask('wake', `${subscription}/wake`, { positions: [position] })
  await ask('discard', `${subscription}/dead-letters/discard`, { positions: [position] })
  await ask('scheduled', `${subscription}/scheduled`)
  await ask('cancel', `${subscription}/scheduled/cancel`, { positions: [position] })
  await ask('stats', `${subscription}/stats`)
  await ask('pause', `${subscription}/pause`, {})
  await ask('resume', `${subscription}/resume`, {})
  await askRedrives(ask, `${subscription}/redrives`)
  await ask('previewSeek', `${subscription}/seek/preview`, { to: { time: 0 } })
  await ask('seek', `${subscription}/seek`, { to: 'end' })
  expect(answers.map(([operation]) => operation).sort()).toEqual(
    (Object.keys(routes) as Operation[]).filter((each) => !silent.has(each)).sort(),
  )
  return answers
}

async function askContracts(
  ask: (operation: Operation, path: string, json?: object) => Promise<unknown>,
): Promise<void> {
  const contract = (schema: object) => ({
    topics: [{ topic: 'b.c', kind: 'event', description: 'What c is', types: [{ type: 'b.c', version: 1, schema }] }],
  })
  const text = { type: 'object', properties: { x: { type: 'string' } } }
  await ask('registerContract', '/contracts/b', contract(text))
  await ask('planContract', '/contracts/b/plan', contract({ ...text, required: ['x'] }))
  await ask('contract', '/contracts/b')
  await ask('contracts', '/contracts')
  await ask('asyncapi', '/asyncapi/b')
}

async function askRedrives(
  ask: (operation: Operation, path: string, json?: object) => Promise<Record<string, never>>,
  path: string,
): Promise<void> {
  await ask('previewRedrive', `${path}/preview`, {})
  const { redrive } = await ask('startRedrive', path, { canary: true, filter: { key: 'k' } })
  await ask('redrives', path)
  await ask('stopRedrive', `${path}/${String(redrive)}/stop`)
}
