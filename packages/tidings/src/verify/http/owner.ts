import { Backoff, systemEnvironment, type Environment } from '../../environment/index.ts'
import { TidingsError } from '../../errors.ts'
import { errorOfProblem } from '../../protocol/index.ts'
import type { Cut, KeyRange, Part, Row, RowHashes, Side } from '../side.ts'
import { answers, checkProofVersion, proofVersion, rowOf, wireCut, type AnswerOf, type Asked } from './messages.ts'
import { answerParts, requestHeader, requestParts, SigningKey, signatureHeader } from './signature.ts'

export interface OwnerOptions {
  /** Where the owner's handler is mounted. */
  readonly url: string
  readonly secret: string
  readonly environment?: Environment
  /** `fetch` of the platform where it is absent. */
  readonly fetch?: (request: Request) => Promise<Response>
  /** Ends what is asked. */
  readonly signal?: AbortSignal
}

export interface OpenOwnerOptions extends OwnerOptions {
  readonly topic: string
  /** The columns to compare; all that the owner names where it is absent. */
  readonly columns?: readonly string[]
}

/** A system of record that is asked over HTTP. */
export interface OwnerSide extends Side {
  readonly topic: string
  readonly key: string
  readonly columns: readonly string[]
}

/** Opens an entity of the service whose handler answers at a URL as the source of a comparison. */
export async function openOwner(options: OpenOwnerOptions): Promise<OwnerSide> {
  const asking = new Asking(options)
  const { topic } = options
  const described = await asking.ask('describe', { topic })
  return new RemoteSide(asking, { topic, key: described.key, columns: options.columns ?? described.columns })
}

class RemoteSide implements OwnerSide {
  readonly topic: string
  readonly key: string
  readonly columns: readonly string[]
  readonly #asking: Asking

  constructor(asking: Asking, { topic, key, columns }: Pick<OwnerSide, 'topic' | 'key' | 'columns'>) {
    this.#asking = asking
    this.topic = topic
    this.key = key
    this.columns = columns
  }

  async digests(range: KeyRange, cut: Cut): Promise<readonly Part[]> {
    return (await this.#ask('digests', { range, cut: wireCut(cut) })).parts
  }

  async hashes(range: KeyRange, limit: number): Promise<RowHashes> {
    const { rows, end } = await this.#ask('hashes', { range, limit })
    return { rows, ...(end !== undefined && { end }) }
  }

  async find(keys: readonly string[]): Promise<readonly Row[]> {
    return (await this.#ask('rows', { keys })).rows.map(rowOf)
  }

  #ask<Name extends Asked>(name: Name, body: object): Promise<AnswerOf<Name>> {
    const { topic, columns } = this
    return this.#asking.ask(name, { topic, columns, ...body })
  }
}

const timeoutMs = 60_000
const mostAttempts = 5

/** Asks an owner, again where it is out of reach for a moment. */
export class Asking {
  readonly #options: OwnerOptions
  readonly #environment: Environment
  readonly #key: SigningKey

  constructor(options: OwnerOptions) {
    this.#options = options
    this.#environment = options.environment ?? systemEnvironment
    this.#key = new SigningKey(options.secret)
  }

  async ask<Name extends Asked>(name: Name, body: object): Promise<AnswerOf<Name>> {
    const answer = await this.askRoute(name, body)
    checkProofVersion(answer)
    return answers[name].read(answer, 'answer') as AnswerOf<Name>
  }

  /** What a route answers, as it came. */
  async askRoute(route: string, body: object): Promise<unknown> {
    const backoff = new Backoff(this.#environment)
    for (;;) {
      try {
        return await this.#once(route, JSON.stringify({ version: proofVersion, ...body }))
      } catch (error) {
        this.#options.signal?.throwIfAborted()
        const isWorthTrying = error instanceof TidingsError && error.retryable && backoff.failures < mostAttempts - 1
        if (!isWorthTrying) throw error
        await backoff.pause(this.#options.signal ?? new AbortController().signal)
      }
    }
  }

  async #once(route: string, body: string): Promise<unknown> {
    const { url, fetch = globalThis.fetch, signal } = this.#options
    const asked = {
      id: this.#environment.ids.next(),
      timestamp: Math.floor(this.#environment.clock.now() / 1_000),
      route,
      body,
    }
    const header = requestHeader(asked, await this.#key.sign(requestParts(asked)))
    const until = AbortSignal.timeout(timeoutMs)
    const request = new Request(`${url.replace(/\/+$/, '')}/${route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', [signatureHeader]: header },
      body,
      signal: signal ? AbortSignal.any([signal, until]) : until,
    })
    const { response, text } = await received(fetch, request).catch((cause: unknown) => {
      throw new TidingsError(
        'unavailable',
        `The owner at ${url} does not answer (${reason(cause)}); look whether it runs.`,
        {
          cause,
        },
      )
    })
    const isSigned = await this.#isSigned(response, asked.id, text)
    const value = parsed(text)
    if (response.status === 200 && isSigned) return value
    throw this.#failure(response.status, isSigned, value)
  }

  async #isSigned(response: Response, id: string, text: string): Promise<boolean> {
    const [version, signature = ''] = response.headers.get(signatureHeader)?.split(',') ?? []
    return version === 'v1' && this.#key.verifies(answerParts(id, response.status, text), signature)
  }

  #failure(status: number, isSigned: boolean, value: unknown): TidingsError {
    const { url } = this.#options
    const problem = errorOfProblem(value)
    // Who does not know the secret gets an answer without a signature, and nobody else says that.
    if (problem && (isSigned || problem.code === 'unauthenticated')) return problem
    if (status >= 500) {
      return new TidingsError('unavailable', `The owner at ${url} answers with ${status}; look at what it writes down.`)
    }
    return new TidingsError(
      'unauthenticated',
      `What answers at ${url} (${status}) has not signed with the secret; check the URL, and that both sides have the same secret.`,
    )
  }
}

async function received(
  fetch: NonNullable<OwnerOptions['fetch']>,
  request: Request,
): Promise<{ readonly response: Response; readonly text: string }> {
  const response = await fetch(request)
  return { response, text: await response.text() }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function reason(error: unknown): string {
  const { cause } = error as { readonly cause?: unknown }
  return cause instanceof Error ? cause.message : error instanceof Error ? error.message : String(error)
}
