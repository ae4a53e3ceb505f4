import { TidingsError } from '../../errors.ts'
import { encodeBase64 } from '../../event/index.ts'

/**
 * What proves that a request comes from somebody who knows the secret, and an answer from whoever was asked: an
 * HMAC-SHA256 over what was said. The answer's is bound to the id of its request, so that no other answer passes for it.
 * A request that is said again within the tolerance is answered again, which only reads.
 */
export const signatureHeader = 'tidings-signature'

const toleranceSeconds = 300
const fewestCharacters = 32
const encoder = new TextEncoder()

/** A secret as it is used to sign. */
export class SigningKey {
  readonly #key: ReturnType<typeof crypto.subtle.importKey>

  constructor(secret: string) {
    if (typeof secret !== 'string' || secret.length < fewestCharacters) {
      throw new TidingsError(
        'bad-request',
        `A secret for proofs has at least ${fewestCharacters} characters; make one with "openssl rand -base64 32" and give it to both sides.`,
      )
    }
    const algorithm = { name: 'HMAC', hash: 'SHA-256' }
    this.#key = crypto.subtle.importKey('raw', encoder.encode(secret), algorithm, false, ['sign'])
  }

  async sign(parts: readonly string[]): Promise<string> {
    const signed = await crypto.subtle.sign('HMAC', await this.#key, encoder.encode(JSON.stringify(parts)))
    return encodeBase64(new Uint8Array(signed))
  }

  /** Takes as long for every wrong signature. */
  async verifies(parts: readonly string[], signature: string): Promise<boolean> {
    const right = await this.sign(parts)
    let difference = right.length ^ signature.length
    for (let at = 0; at < right.length; at++) difference |= right.charCodeAt(at) ^ signature.charCodeAt(at)
    return difference === 0
  }
}

interface SignedRequest {
  readonly id: string
  /** Seconds since 1970. */
  readonly timestamp: number
  readonly route: string
  readonly body: string
}

export function requestParts({ id, timestamp, route, body }: SignedRequest): readonly string[] {
  return ['tidings-proof-request', '1', id, String(timestamp), route, body]
}

export function answerParts(id: string, status: number, body: string): readonly string[] {
  return ['tidings-proof-answer', '1', id, String(status), body]
}

/** `v1,<id>,<seconds since 1970>,<base64>`; that of an answer is `v1,<base64>`. */
export function requestHeader({ id, timestamp }: SignedRequest, signature: string): string {
  return `v1,${id},${timestamp},${signature}`
}

/** Refuses what was not signed with the secret, or too long ago, as `unauthenticated`. */
export async function checkRequest(
  key: SigningKey,
  header: string | null,
  { route, body, now }: { readonly route: string; readonly body: string; readonly now: number },
): Promise<string> {
  const [, id, time, signature] = /^v1,([\w-]{1,64}),(\d{1,12}),([\w+/=]{1,100})$/.exec(header ?? '') ?? []
  if (id === undefined || time === undefined || signature === undefined) {
    throw refusal(`A request needs the header ${signatureHeader}, as openOwner() sends it.`)
  }
  if (!(await key.verifies(requestParts({ id, timestamp: Number(time), route, body }), signature))) {
    throw refusal(
      'The signature is wrong: both sides need the same secret, and nobody on the way may change a request.',
    )
  }
  if (Math.abs(now / 1_000 - Number(time)) > toleranceSeconds) {
    throw refusal(
      `The request is of ${new Date(Number(time) * 1_000).toISOString()}, more than ${toleranceSeconds} s from the time here; set the clocks of both machines.`,
    )
  }
  return id
}

function refusal(message: string): TidingsError {
  return new TidingsError('unauthenticated', message)
}
