import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { openBench, type Bench } from '../bench.fixture.ts'

const caller = { namespace: 'default', principal: 'operator' }

async function prepare({ broker }: Bench): Promise<void> {
  const types = (type: string) => [{ type, schema: { type: 'object' } }]
  const topic = (name: string) => ({ topic: name, kind: 'event' as const, types: types(name) })
  await broker.registerContract(caller, { service: 'crm', topics: [topic('crm.moved'), topic('crm.secret')] })
  await broker.putSubscription(caller, { subscription: 'mail.all', topic: 'crm.moved', from: 'end' })
}

/** The answer to a request with a host of its own, which `fetch` does not allow. */
function ask(url: string, headers: Readonly<Record<string, string>>): Promise<{ servers: unknown }> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      response.on('end', () => resolve(JSON.parse(text) as { servers: unknown }))
    })
      .on('error', reject)
      .end()
  })
}

describe('GET /asyncapi/{service}', () => {
  it('names the server as whoever asks reaches it', async () => {
    await using bench = await openBench()
    await prepare(bench)
    const { port } = new URL(bench.server.url)
    const url = `${bench.base}/asyncapi/crm`
    const serversBy = (host: string, secure: string) => ({
      http: { host, pathname: '/v1/default', protocol: `http${secure}`, description: expect.any(String) },
      webSocket: { host, pathname: '/v1/default/stream', protocol: `ws${secure}`, description: expect.any(String) },
    })
    expect((await ask(url, { host: `localhost:${port}` })).servers).toEqual(serversBy(`localhost:${port}`, ''))
    const forwarded = { host: `127.0.0.1:${port}`, 'x-forwarded-proto': 'https' }
    expect((await ask(url, forwarded)).servers).toEqual(serversBy(`127.0.0.1:${port}`, 's'))
  })

  it('shows of topics what whoever asks may inspect, as a contract does', async () => {
    await using bench = await openBench({
      authorize: ({ principal }, action, { topic }) =>
        principal !== 'mail' || (action === 'inspect' && topic?.name === 'crm.moved'),
    })
    await prepare(bench)
    const channels = async (service: string, principal: string) => {
      const answer = await bench.call('GET', `/asyncapi/${service}`, { headers: { 'tidings-principal': principal } })
      return answer.status === 200 ? Object.keys(answer.body['channels']!) : answer.body['code']
    }
    expect(await channels('crm', 'crm')).toEqual(['crm.moved', 'crm.secret'])
    expect(await channels('crm', 'mail')).toEqual(['crm.moved'])
    expect(await channels('mail', 'mail')).toEqual(['crm.moved'])
    await bench.broker.registerContract(caller, {
      service: 'hr',
      topics: [{ topic: 'hr.paid', kind: 'event', types: [] }],
    })
    expect(await channels('hr', 'mail')).toBe('forbidden')
    expect(await channels('nobody', 'mail')).toBe('contract-unknown')
    expect(await channels('No Name', 'mail')).toBe('name-invalid')
  })
})
