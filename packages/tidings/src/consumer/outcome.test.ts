import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { RetryError, TerminalError, TidingsError } from '../errors.ts'
import { outcomeOf } from './outcome.ts'

const now = Date.UTC(2030, 0, 1)

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('the outcome of an error', () => {
  it('names the outage behind a real fetch() that was refused, and behind one that took too long', async () => {
    const refused = await fetch(`http://127.0.0.1:${await closedPort()}`).catch((error: unknown) => error)
    expect(outcomeOf(refused, now)).toMatchObject({ action: 'retry', outage: 'ECONNREFUSED' })
    const silent = createServer()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const late = await fetch(url, { signal: AbortSignal.timeout(20) }).catch((error: unknown) => error)
    silent.close()
    expect(outcomeOf(late, now)).toMatchObject({ action: 'retry', outage: 'timeout' })
  })

  it.each([
    ['status', { status: 503 }, 'http-503'],
    ['statusCode', { statusCode: 429 }, 'http-429'],
    ['response.status', { response: { status: 599 } }, 'http-599'],
    ['a cause', { cause: { cause: { code: 'EAI_AGAIN' } } }, 'EAI_AGAIN'],
    ['one of several errors', { errors: [new Error('x'), { code: 'ETIMEDOUT' }] }, 'ETIMEDOUT'],
  ])('names the outage that %s tells', (_, details, outage) => {
    expect(outcomeOf(Object.assign(new Error('it failed'), details), now)).toMatchObject({ outage })
  })

  it.each([
    ['a mistake in the program', new TypeError('undefined is not a function')],
    ['an HTTP status that is about the request', Object.assign(new Error('no'), { status: 404 })],
    ['a file that is not there', Object.assign(new Error('no'), { code: 'ENOENT' })],
    ['something that is no error', 'no'],
    ['nothing', undefined],
    ['an error that is its own cause', ((error) => Object.assign(error, { cause: error }))(new Error('round'))],
  ])('names no outage for %s', (_, error) => {
    expect(outcomeOf(error, now)).toEqual({ action: 'retry', reason: expect.any(String) as string })
  })

  it('says of a broker that cannot be reached that it is unavailable', () => {
    expect(outcomeOf(new TidingsError('unavailable', 'no answer'), now)).toMatchObject({ outage: 'unavailable' })
  })

  it('is what a RetryError says, and its cause where it says nothing', () => {
    const cause = { status: 503, headers: { 'retry-after': '99' } }
    const said = new RetryError('busy', { afterMs: 5, outage: 'printer', cause })
    expect(outcomeOf(said, now)).toMatchObject({ afterMs: 5, outage: 'printer' })
    expect(outcomeOf(new RetryError('busy', { afterMs: 5, cause }), now)).toMatchObject({ outage: 'http-503' })
    expect(outcomeOf(new TerminalError('never', { cause }), now).action).toBe('dead-letter')
  })

  it.each([
    ['seconds', new Headers({ 'retry-after': '120' }), 120_000],
    ['a date', new Headers({ 'retry-after': new Date(now + 90_000).toUTCString() }), 90_000],
    ['a date that has passed', new Headers({ 'retry-after': new Date(now - 90_000).toUTCString() }), 0],
    ['a plain object', { 'retry-after': '7' }, 7_000],
    ['more than a year', { 'retry-after': '99999999' }, 31_536_000_000],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
  ])('waits for a Retry-After of %s', (_, headers, afterMs) => {
    const error = Object.assign(new Error('busy'), { response: { status: 503, headers } })
    expect((outcomeOf(error, now) as { afterMs?: number }).afterMs).toBe(afterMs)
  })
})
