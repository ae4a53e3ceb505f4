import { createHmac, randomBytes } from 'node:crypto'
import { TidingsError } from 'tidings'

/** Standard Webhooks 1.0.0 (https://github.com/standard-webhooks/standard-webhooks): symmetric signatures, `v1`. */
const prefix = 'whsec_'
const secretBytes = 32
const fewestBytes = 24
const mostBytes = 64

export function newSecret(): string {
  return prefix + randomBytes(secretBytes).toString('base64')
}

/** The secret itself, when it is `whsec_` and the base64 of 24 to 64 bytes; else `bad-request`, which does not repeat it. */
export function checkSecret(secret: string): string {
  const encoded = secret.startsWith(prefix) ? secret.slice(prefix.length) : undefined
  const key = encoded === undefined ? undefined : Buffer.from(encoded, 'base64')
  const isSound = key && key.toString('base64') === encoded && key.length >= fewestBytes && key.length <= mostBytes
  if (isSound) return secret
  throw new TidingsError(
    'bad-request',
    `A secret is "${prefix}" and the base64 of ${fewestBytes} to ${mostBytes} bytes; leave "secrets" out to be given one.`,
  )
}

/** The headers that prove to whoever knows one of the secrets that the body is ours and fresh. */
export function signedHeaders(message: {
  /** Without `.`; the same for every attempt. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly now: number
  readonly body: Uint8Array
  readonly secrets: readonly string[]
}): Readonly<Record<string, string>> {
  const { id, now, body, secrets } = message
  const timestamp = String(Math.floor(now / 1_000))
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(prefix.length), 'base64')
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
