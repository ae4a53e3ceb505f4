import type { Exchange } from './exchange.ts'

export type Consent =
  | { readonly given: true; readonly requestsPerMinute?: number }
  | {
      readonly given: false
      /** It answered `410`. */
      readonly gone: boolean
      readonly reason: string
      /** Its `Retry-After`. */
      readonly retryAfter?: string | undefined
    }

/**
 * Asks an endpoint whether it wants our events, so that nobody can turn them on a stranger: the validation handshake of
 * HTTP 1.1 Web Hooks for Event Delivery 1.0.2, section 4
 * (https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md). Only its headers are consent; a status
 * says nothing.
 */
export async function askConsent(
  exchange: Exchange,
  {
    url,
    origin,
    timeoutMs,
    signal,
  }: { readonly url: URL; readonly origin: string; readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<Consent> {
  let reply
  try {
    const headers = { 'webhook-request-origin': origin }
    reply = await exchange({
      method: 'OPTIONS',
      url,
      headers,
      body: new Uint8Array(0),
      timeoutMs,
      ...(signal && { signal }),
    })
  } catch (error) {
    return { given: false, gone: false, reason: `The endpoint was not reached: ${(error as Error).message}.` }
  }
  const allowed = one(reply.headers['webhook-allowed-origin'])
  const rate = one(reply.headers['webhook-allowed-rate']) ?? '*'
  if (allowed !== '*' && allowed?.toLowerCase() !== origin.toLowerCase()) {
    const answered = allowed === undefined ? 'no WebHook-Allowed-Origin' : `WebHook-Allowed-Origin: ${shown(allowed)}`
    const reason = `The endpoint did not agree: to OPTIONS with "WebHook-Request-Origin: ${origin}" it answered ${reply.status} with ${answered}.`
    return { given: false, gone: reply.status === 410, reason, retryAfter: reply.headers['retry-after'] }
  }
  if (rate === '*') return { given: true }
  const requestsPerMinute = /^\d{1,9}$/.test(rate) ? Number(rate) : 0
  if (requestsPerMinute > 0) return { given: true, requestsPerMinute }
  const reason = `The endpoint agreed to the rate ${shown(rate)}, which is no number of requests a minute.`
  return { given: false, gone: false, reason }
}

function one(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value.trim() : value?.join()
}

function shown(value: string): string {
  return JSON.stringify(value.slice(0, 100))
}
