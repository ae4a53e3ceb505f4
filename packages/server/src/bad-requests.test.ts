import { connect } from 'tidings'
import { describe, expect, it } from 'vitest'
import { openBench } from './bench.fixture.ts'
import { ack, caller, events, expectRefusal, json, pull, settle, type BadRequest } from './shop.fixture.ts'

const table: readonly BadRequest[] = [
  [
    'an unknown subscription',
    'POST',
    '/subscriptions/no.such/pull',
    { json: {} },
    404,
    'subscription-unknown',
    /no subscription no\.such .*create it first, or check the name/,
  ],
  ['a bad namespace', 'GET', '/v1/A%20B/topics', {}, 400, 'name-invalid', /A B/],
  ['a bad principal', 'GET', '/topics', { headers: { 'tidings-principal': 'A B' } }, 400, 'name-invalid', /principal/],
  ['malformed JSON', 'POST', pull, { body: '{"max":', headers: json }, 400, 'bad-request', /expected at character 7/],
  [
    'an unknown namespace',
    'GET',
    '/v1/elsewhere/topics',
    {},
    404,
    'namespace-unknown',
    /no namespace "elsewhere" .*use one that is there/,
  ],
  [
    'a bad topic name',
    'PUT',
    '/topics/Shop.Order',
    { json: { kind: 'event', owner: 'shop' } },
    400,
    'name-invalid',
    /"Shop\.Order" is not a topic name: use lower-case letters/,
  ],
  [
    'a position of another incarnation',
    'GET',
    `${events}?after=abc.1`,
    {},
    410,
    'position-unknown',
    /another life .*load the full state again/,
  ],
  ['a position that is none', 'GET', `${events}?after=nonsense`, {}, 400, 'bad-request', /is not a position/],
  [
    'a lease twice in one batch',
    'POST',
    settle,
    { json: { outcomes: [ack('a'), ack('a')] } },
    400,
    'bad-request',
    /The lease a stands twice in one call; send each once/,
  ],
  [
    'a negative lease time',
    'POST',
    pull,
    { json: { leaseMs: -1 } },
    400,
    'bad-request',
    /leaseMs must be a whole number from 1000 to 43200000; it is -1/,
  ],
  [
    'a huge max',
    'POST',
    pull,
    { json: { max: 1e9 } },
    400,
    'bad-request',
    /max must be a whole number from 1 to 1000; it is 1000000000/,
  ],
  [
    'a wait that is no number',
    'POST',
    pull,
    { body: '{"waitMs":NaN}', headers: json },
    400,
    'bad-request',
    /not acceptable JSON/,
  ],
  [
    'a wait that is too long',
    'POST',
    pull,
    { json: { waitMs: 60_001 } },
    400,
    'bad-request',
    /waitMs must be a whole number from 0 to 60000; it is 60001/,
  ],
  ['a limit that is no number', 'GET', `${events}?limit=ten`, {}, 400, 'bad-request', /limit must be/],
  [
    'a mistyped field',
    'POST',
    pull,
    { json: { lease_ms: 1 } },
    400,
    'bad-request',
    /unknown field "lease_ms"; known are max, waitMs, leaseMs/,
  ],
  [
    'an outcome without its reason',
    'POST',
    settle,
    { json: { outcomes: [{ lease: 'a', action: 'retry' }] } },
    400,
    'bad-request',
    /needs a "reason"/,
  ],
  [
    'a client of another version',
    'GET',
    '/topics',
    { headers: { 'tidings-protocol': '2' } },
    400,
    'protocol-version',
    /upgrade the server/,
  ],
  ['a path of another version', 'GET', '/v2/default/topics', {}, 400, 'protocol-version', /speaks \/v1 only/],
  ['a path that does not exist', 'GET', '/nothing', {}, 404, 'bad-request', /openapi\.json/],
  [
    'a schema that is none',
    'PUT',
    '/topics/shop.other',
    { json: { kind: 'event', owner: 'shop', schemas: { a: { type: 'nonsense' } } } },
    400,
    'bad-request',
    /not a JSON Schema/,
  ],
  [
    'an event that is named twice over',
    'GET',
    '/subscriptions/mail.all/explain?position=a&id=1',
    {},
    400,
    'bad-request',
    /\?position= or by \?source=/,
  ],
]

describe('a bad request', () => {
  it.each(table)('%s gets a clear error, and nothing is lost', (...bad) => expectRefusal(bad))

  it('says nothing about the inside when something unforeseen fails, and writes it into the log', async () => {
    const authorize = (): never => {
      throw new Error('secret path /var/lib')
    }
    const logged: unknown[] = []
    const silent = (): void => undefined
    const levels = { trace: silent, debug: silent, info: silent, warn: silent, fatal: silent, silent }
    const logger = { ...levels, level: 'info', error: (entry: unknown) => void logged.push(entry), child: () => logger }
    await using bench = await openBench({ authorize, logger })
    const answer = await bench.call('PUT', '/topics/shop.order', { json: { kind: 'event', owner: 'shop' } })
    expect(answer.body).toMatchObject({ status: 500, code: 'internal', retryable: true })
    expect(answer.text).not.toContain('secret')
    expect(logged).toMatchObject([{ message: 'secret path /var/lib' }])
  })
})

it('a client of a server that is no Tidings is told so', async () => {
  const remote = connect('http://localhost:7070', { fetch: () => Promise.resolve(new Response('hello')) })
  await expect(remote.topics(caller)).rejects.toMatchObject({ code: 'protocol-violation' })
})
