import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { checkSecret, newSecret, signedHeaders } from './signature.ts'

const text = '{"total":9223372036854775807,"name":"Zoë"}'
const body = new TextEncoder().encode(text)

describe('signedHeaders()', () => {
  it('signs the example of Standard Webhooks as it stands there', () => {
    const headers = signedHeaders({
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      now: 1_614_265_330_999,
      body: new TextEncoder().encode('{"test": 2432232314}'),
      secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    })
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    })
  })

  it('is verified by the public library with either of two secrets, and with no other', () => {
    const secrets = [newSecret(), newSecret()]
    const headers = signedHeaders({ id: 'msg_1', now: Date.now(), body, secrets })
    for (const secret of secrets) expect(new Webhook(secret).verify(text, headers)).toMatchObject({ name: 'Zoë' })
    expect(() => new Webhook(newSecret()).verify(text, headers)).toThrow('No matching signature found')
    expect(() => new Webhook(secrets[0]!).verify(`${text} `, headers)).toThrow('No matching signature found')
    const renamed = { ...headers, 'webhook-id': 'msg_2' }
    expect(() => new Webhook(secrets[0]!).verify(text, renamed)).toThrow('No matching signature found')
  })

  it('is stale for the public library after five minutes', () => {
    const secret = newSecret()
    const headers = signedHeaders({ id: 'msg_1', now: Date.now() - 301_000, body, secrets: [secret] })
    expect(() => new Webhook(secret).verify(text, headers)).toThrow('Message timestamp too old')
  })
})

describe('checkSecret()', () => {
  it('takes what newSecret() makes, which is another one each time', () => {
    const secret = newSecret()
    expect(checkSecret(secret)).toBe(secret)
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(newSecret()).not.toBe(secret)
  })

  it.each([
    ['without its prefix', Buffer.alloc(32, 1).toString('base64')],
    ['of 23 bytes', `whsec_${Buffer.alloc(23, 1).toString('base64')}`],
    ['of 65 bytes', `whsec_${Buffer.alloc(65, 1).toString('base64')}`],
    ['that is no base64', `whsec_${'!'.repeat(44)}`],
    ['of a public key', `whpk_${Buffer.alloc(32, 1).toString('base64')}`],
    ['that is empty', ''],
  ])('refuses one %s, without repeating it', (_, secret) => {
    expect(() => checkSecret(secret)).toThrow('A secret is "whsec_" and the base64 of 24 to 64 bytes')
  })
})
