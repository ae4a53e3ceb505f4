import { systemEnvironment, type Environment } from '../../environment/index.ts'
import { TidingsError, type ErrorCode } from '../../errors.ts'
import { problemOf, problemType } from '../../protocol/index.ts'
import { digestRoutes } from './digest-routes.ts'
import { answerParts, checkRequest, SigningKey, signatureHeader } from './signature.ts'
import type { Verifiable } from '../verifiable.ts'

/** Answers what was asked, by its body, which is JSON. It refuses with a `TidingsError`, whose message the asker gets. */
export type Route = (body: unknown, request: { readonly id: string }) => Promise<object>

/** By the last segment of the path. */
export type Routes = Readonly<Record<string, Route>>

export interface OwnerHandlerOptions {
  /** Shared with those who may ask: 32 characters at least. */
  readonly secret: string
  /** What may be asked for; nothing else is answered. */
  readonly entities: readonly Verifiable[]
  /** Beside those of digests. */
  readonly routes?: Routes
  /** Told of what failed here, of which the asker learns nothing but that it failed. */
  readonly onError?: (error: unknown) => void
  readonly environment?: Environment
}

/** A request may list the keys of many rows. */
const mostCharacters = 1_048_576

/** The status of each code of an error that a handler answers with; what is not named is a 400. */
const statuses: Partial<Record<ErrorCode, number>> = {
  unauthenticated: 401,
  'topic-unknown': 404,
  'payload-too-large': 413,
  'range-too-large': 413,
  internal: 500,
  unavailable: 503,
  stopped: 503,
  'database-busy': 503,
  'database-failed': 503,
}

/**
 * What an owner of entities serves to those who compare their copies with it, as a handler of `fetch` for wherever it is
 * mounted. Whoever signs with the secret may ask; he gets digests, hashes and rows of the columns that the entities name,
 * and reads only.
 */
export function ownerHandler(options: OwnerHandlerOptions): (request: Request) => Promise<Response> {
  const { entities, environment = systemEnvironment, onError = () => {} } = options
  const key = new SigningKey(options.secret)
  const routes: Routes = { ...digestRoutes(entities), ...options.routes }
  return async (request) => {
    const name = new URL(request.url).pathname.split('/').at(-1) ?? ''
    let id: string | undefined
    try {
      const body = await bodyOf(request)
      id = await checkRequest(key, request.headers.get(signatureHeader), {
        route: name,
        body,
        now: environment.clock.now(),
      })
      const answer = await routeOf(routes, name)(parsed(body), { id })
      return await respond(key, { id, status: 200, body: JSON.stringify(answer) })
    } catch (error) {
      if (!(error instanceof TidingsError)) onError(error)
      const problem = problemOf(error)
      const status = statuses[problem.code] ?? 400
      return respond(key, { id, status, body: JSON.stringify({ ...problem, status }) })
    }
  }
}

async function bodyOf(request: Request): Promise<string> {
  if (request.method !== 'POST')
    throw new TidingsError('bad-request', 'Owners are asked with POST, as openOwner() does.')
  const reader = request.body?.pipeThrough(new TextDecoderStream()).getReader()
  let body = ''
  for (;;) {
    const read = await reader?.read()
    if (!read || read.done) return body
    body += read.value
    if (body.length <= mostCharacters) continue
    await reader?.cancel()
    throw new TidingsError(
      'payload-too-large',
      `A request has at most ${mostCharacters} characters; ask for fewer keys.`,
    )
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw new TidingsError('bad-request', 'The body is no JSON.', { cause })
  }
}

function routeOf(routes: Routes, name: string): Route {
  if (Object.hasOwn(routes, name)) return routes[name]!
  throw new TidingsError(
    'bad-request',
    `There is nothing to ask for under "${name.slice(0, 60)}"; there are ${Object.keys(routes).join(', ')}.`,
  )
}

async function respond(
  key: SigningKey,
  { id, status, body }: { readonly id: string | undefined; readonly status: number; readonly body: string },
): Promise<Response> {
  const signature = id === undefined ? undefined : await key.sign(answerParts(id, status, body))
  return new Response(body, {
    status,
    headers: {
      'content-type': status === 200 ? 'application/json' : problemType,
      'cache-control': 'no-store',
      ...(signature !== undefined && { [signatureHeader]: `v1,${signature}` }),
    },
  })
}
