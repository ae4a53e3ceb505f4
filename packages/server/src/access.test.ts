import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { connect } from 'tidings'
import { openBench } from './bench.fixture.ts'
import { createServer } from './server.ts'
import { caller, openShop } from './shop.fixture.ts'

const tokens = [
  { token: 'token-of-the-shop-team', principal: 'shop' },
  { token: 'token-of-the-lab-team', principal: 'lab', namespaces: ['lab'] },
]

describe('a server without tokens', () => {
  it.each(['0.0.0.0', '::', '10.0.0.1', 'example.com'])('does not listen on %s', async (host) => {
    const { broker } = await openBench()
    expect(() => createServer({ broker, host })).toThrow(/without tokens.*configure tokens or listen on 127\.0\.0\.1/)
  })

  it.each([
    ['a name that was rebound to the loopback interface', { host: 'evil.example:7070' }],
    ['a name that begins like ours', { host: 'localhost.evil.example' }],
    ['a page of another site', { origin: 'https://evil.example' }],
    ['a page without an origin', { origin: 'null' }],
  ])('refuses %s', async (_, headers) => {
    await using bench = await openShop()
    expect(await statusOf(bench.base + '/topics', headers)).toBe(403)
    const socket = new WebSocket(`${bench.base.replace('http', 'ws')}/stream`, { headers })
    const status = await new Promise((resolve) =>
      socket
        .once('unexpected-response', (_request, response) => resolve(response.statusCode))
        .on('error', () => undefined),
    )
    expect(status).toBe(403)
  })

  it('accepts its own pages and the origins that it was told', async () => {
    await using bench = await openShop({ origins: ['https://console.example'] })
    const { host, origin } = new URL(bench.server.url)
    expect(await statusOf(bench.base + '/topics', { host, origin })).toBe(200)
    expect(await statusOf(bench.base + '/topics', { origin: 'https://console.example' })).toBe(200)
  })
})

describe('a server with tokens', () => {
  it('takes the principal from the token, whatever the caller says', async () => {
    const seen: string[] = []
    await using bench = await openBench({ tokens, authorize: ({ principal }) => seen.push(principal) > 0 })
    const headers = { authorization: `Bearer ${tokens[0]!.token}`, 'tidings-principal': 'operator' }
    expect((await bench.call('GET', '/topics', { headers })).status).toBe(200)
    await bench.call('PUT', '/topics/shop.order', { headers, json: { kind: 'event', owner: 'shop' } })
    expect(new Set(seen)).toEqual(new Set(['shop']))
  })

  it('refuses a request without one, with another one or for another namespace', async () => {
    await using bench = await openBench({ tokens })
    const none = await bench.call('GET', '/topics')
    expect([none.status, none.body['code'], none.headers.get('www-authenticate')]).toEqual([
      401,
      'unauthenticated',
      'Bearer',
    ])
    expect(await statusOf(bench.base + '/topics', { authorization: 'Bearer nonsense' })).toBe(401)
    expect(await statusOf(bench.base + '/topics', { authorization: `Bearer ${tokens[1]!.token}` })).toBe(403)
  })

  it('asks for it on a WebSocket too', async () => {
    await using bench = await openShop({ tokens })
    const options = { WebSocket }
    const request = {
      subscription: 'mail.all',
      holder: 'one',
      onDeliveries: () => undefined,
      onClosed: () => undefined,
    }
    await using stranger = connect(bench.server.url, options)
    await expect(stranger.stream(caller, request)).rejects.toMatchObject({ code: 'unauthenticated', retryable: false })
    await using shop = connect(bench.server.url, { ...options, token: tokens[0]!.token })
    const stream = await shop.stream(caller, request)
    await stream.close()
  })

  it('refuses a token that can be guessed', async () => {
    const { broker } = await openBench()
    expect(() => createServer({ broker, tokens: [{ token: 'secret', principal: 'shop' }] })).toThrow(
      /make a longer one/,
    )
  })
})

/** A request whose headers nobody corrects. */
function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', reject).end()
  })
}
