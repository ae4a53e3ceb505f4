import Libsql from 'libsql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineContract, defineEntity } from '../../contract/index.ts'
import { sqliteDatabase } from '../../databases/sqlite/index.ts'
import { createService, type Service } from '../../service/index.ts'
import { serviceBench, type ServiceBench } from '../../service/service.fixture.ts'
import { compare } from '../compare.ts'
import { openCopy } from '../copy.ts'
import type { Difference } from '../difference.ts'
import { ownedEntity } from '../owned.ts'
import { ownerHandler } from './handler.ts'
import { openOwner } from './owner.ts'
import { serveOwner, type OwnerServer } from './serve.ts'
import { answerParts, SigningKey, signatureHeader } from './signature.ts'

const secret = 'a secret of at least 32 characters'
const crm = defineContract('crm', {
  customer: defineEntity({
    key: 'id',
    // What the schema makes of a row is what is compared.
    schema: z.object({
      id: z.string(),
      email: z.string().toLowerCase(),
      vip: z.boolean(),
      tags: z.array(z.string()).default([]),
    }),
  }),
})
const marketing = defineContract('marketing', {})

let bench: ServiceBench
let server: OwnerServer
let owner: Service<'crm'>
let copies: Libsql.Database
let handler: (request: Request) => Promise<Response>

beforeEach(async () => {
  bench = await serviceBench()
  const own = new Libsql(':memory:')
  own.exec('create table people (number text primary key, email text, vip integer, tags text, password text)')
  owner = bench.use(
    createService({
      contract: crm,
      broker: bench.broker,
      database: sqliteDatabase({ client: own, allowVolatile: true, environment: bench.environment }),
      environment: bench.environment,
      report: bench.report,
    }),
  )
  owner.owns(crm.customer, { table: 'people', keyColumn: 'number' })
  copies = new Libsql(':memory:')
  const database = sqliteDatabase({ client: copies, allowVolatile: true, environment: bench.environment })
  const reader = bench.use(
    createService({
      contract: marketing,
      broker: bench.broker,
      database,
      environment: bench.environment,
      report: bench.report,
    }),
  )
  reader.replicate(crm.customer, { columns: ['email', 'vip', 'tags'] })
  await owner.start()
  await reader.start()
  await owner.transaction(async (tx) => {
    for (let id = 1; id <= 300; id++) {
      await tx.query('insert into people values (?, ?, ?, ?, ?)', [`c${id}`, `C${id}@Example.com`, id % 2, null, 'x'])
      await tx.changed(crm.customer, `c${id}`)
    }
  })
  await bench.environment.advance(10_000)
  const entities = [ownedEntity({ service: owner, entity: crm.customer })]
  handler = ownerHandler({ secret, entities, environment: bench.environment })
  server = await serveOwner({ handler, port: 0 })
  open = async (columns) => openCopy({ database, table: 'crm_customer', ...(columns && { columns }) })
})
afterEach(async () => {
  await server.stop()
  await bench.stop()
})

let open: (columns?: readonly string[]) => ReturnType<typeof openCopy>

function tamper(script: string): void {
  copies.exec(`update tidings_replica_guard set writable = 1; ${script}; update tidings_replica_guard set writable = 0`)
}

async function differences(options: { readonly secret?: string; readonly columns?: readonly string[] } = {}) {
  const copy = await open(options.columns)
  const source = await openOwner({
    url: server.url,
    secret: options.secret ?? secret,
    topic: 'crm.customer',
    columns: copy.columns,
    environment: { ...bench.environment, timers: { after: (_, run) => (queueMicrotask(run), () => undefined) } },
  })
  const found: Difference[] = []
  const comparison = await compare({ source, copy, patienceMs: 0, onDifference: (each) => found.push(each) })
  return { ...comparison, found }
}

describe('an owner that is asked over HTTP', () => {
  it('proves a copy, by what the schema makes of its rows', async () => {
    expect(await differences()).toMatchObject({ source: 300, copy: 300, differences: 0, crossed: 0 })
    tamper(`update crm_customer set email = 'eve@example.com' where id = 'c7'; delete from crm_customer where id = 'c8';
      insert into crm_customer (id, tidings_version) values ('d', '')`)
    const { found } = await differences()
    expect(found).toMatchObject([
      {
        key: 'c7',
        kind: 'different',
        confirmedBy: 'version',
        columns: [{ column: 'email', source: '"c7@example.com"', copy: '"eve@example.com"' }],
      },
      { key: 'c8', kind: 'missing-in-copy' },
      { key: 'd', kind: 'only-in-copy' },
    ])
    expect(await differences({ columns: ['vip'] })).toMatchObject({ differences: 2 })
  })

  it('finds a change that was made without telling anybody', async () => {
    const { database } = owner['~owned']('crm.customer')
    await database.transaction((tx) => tx.query(`update people set vip = 1 where number = 'c4'`))
    const { found } = await differences()
    expect(found).toMatchObject([{ key: 'c4', confirmedBy: 'version', columns: [{ column: 'vip' }] }])
  })

  it('gives nothing to who does not know the secret', async () => {
    await expect(differences({ secret: 'another secret of 32 characters!' })).rejects.toMatchObject({
      code: 'unauthenticated',
    })
    const unsigned = await fetch(`${server.url}/describe`, {
      method: 'POST',
      body: '{"version":1,"topic":"crm.customer"}',
    })
    expect([unsigned.status, await unsigned.json()]).toMatchObject([401, { code: 'unauthenticated' }])
  })

  it('gives neither columns nor entities that are not published', async () => {
    const ask = (topic: string, columns: readonly string[]) =>
      openOwner({ url: server.url, secret, topic, columns, environment: bench.environment }).then((side) =>
        side.hashes({}, 1),
      )
    await expect(ask('crm.customer', ['password'])).rejects.toMatchObject({ code: 'bad-request' })
    await expect(ask('crm.secret', [])).rejects.toMatchObject({ code: 'topic-unknown' })
  })

  it.each([
    ['body', (request: SentRequest) => ({ ...request, body: request.body.replace('crm', 'xrm') })],
    ['route', (request: SentRequest) => ({ ...request, url: request.url.replace('describe', 'rows') })],
    [
      'time',
      (request: SentRequest) => ({
        ...request,
        header: request.header.replace(/,(\d+),/, (_, at) => `,${Number(at) + 1},`),
      }),
    ],
    ['id', (request: SentRequest) => ({ ...request, header: request.header.replace('v1,', 'v1,a') })],
  ])('refuses a request whose %s was changed on the way', async (_, change) => {
    const side = openOwner({
      url: server.url,
      secret,
      topic: 'crm.customer',
      environment: bench.environment,
      fetch: async (request) => {
        const sent = {
          url: request.url,
          body: await request.text(),
          header: request.headers.get(signatureHeader)!,
        }
        const { url, body, header } = change(sent)
        return fetch(url, { method: 'POST', body, headers: { [signatureHeader]: header } })
      },
    })
    await expect(side).rejects.toMatchObject({ code: 'unauthenticated' })
  })

  it('refuses a request that is said again later', async () => {
    let sent: Request | undefined
    await openOwner({
      url: server.url,
      secret,
      topic: 'crm.customer',
      environment: bench.environment,
      fetch: (request) => {
        sent = request.clone()
        return fetch(request)
      },
    })
    expect((await handler(sent!.clone())).status).toBe(200)
    await bench.environment.advance(301_000)
    expect((await handler(sent!.clone())).status).toBe(401)
  })

  it('takes no answer that was changed on the way, or given to another request', async () => {
    const key = new SigningKey(secret)
    const answers: ((response: Response) => Promise<Response>)[] = [
      async (response) => new Response((await response.text()).replace('email', 'e-mail'), response),
      async (response) => new Response(await response.text(), { headers: {} }),
      async () => {
        const body = '{"version":1,"key":"id","columns":[]}'
        const signature = await key.sign(answerParts('another-id', 200, body))
        return new Response(body, { headers: { [signatureHeader]: `v1,${signature}` } })
      },
    ]
    for (const change of answers) {
      const side = openOwner({
        url: server.url,
        secret,
        topic: 'crm.customer',
        environment: bench.environment,
        fetch: async (request) => change(await fetch(request)),
      })
      await expect(side).rejects.toMatchObject({ code: 'unauthenticated' })
    }
  })

  it('refuses what is too large, no JSON, of another version, or not to be had', async () => {
    const key = new SigningKey(secret)
    const ask = async (route: string, body: string) => {
      const timestamp = Math.floor(bench.environment.clock.now() / 1_000)
      const signature = await key.sign(['tidings-proof-request', '1', 'some-id-1', String(timestamp), route, body])
      const headers = { [signatureHeader]: `v1,some-id-1,${timestamp},${signature}` }
      const response = await fetch(`${server.url}/mounted/anywhere/${route}`, { method: 'POST', body, headers })
      return ((await response.json()) as { readonly code?: string }).code
    }
    expect(await ask('describe', '{"version":1,"topic":"crm.customer"}')).toBeUndefined()
    expect(await ask('describe', '{"version":2,"topic":"crm.customer"}')).toBe('protocol-version')
    expect(await ask('describe', '{')).toBe('bad-request')
    expect(await ask('toString', '{}')).toBe('bad-request')
    expect(await ask('describe', ' '.repeat(1_048_577))).toBe('payload-too-large')
    expect((await fetch(server.url)).status).toBe(400)
  })

  it('is asked again where it is out of reach for a moment', async () => {
    let attempts = 0
    const side = await openOwner({
      url: server.url,
      secret,
      topic: 'crm.customer',
      environment: { ...bench.environment, timers: { after: (_, run) => (queueMicrotask(run), () => undefined) } },
      fetch: (request) => {
        attempts++
        return attempts < 3 ? Promise.reject(new Error('connection refused')) : fetch(request)
      },
    })
    expect([side.key, side.columns, attempts]).toEqual(['id', ['email', 'vip', 'tags'], 3])
  })

  it('takes no secret that is short, and is served on this machine only unless something else is said', async () => {
    expect(() => ownerHandler({ secret: 'short', entities: [] })).toThrow('at least 32 characters')
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:/)
    await expect(serveOwner({ handler, port: Number(new URL(server.url).port) })).rejects.toMatchObject({
      code: 'port-in-use',
    })
  })
})

interface SentRequest {
  readonly url: string
  readonly body: string
  readonly header: string
}
