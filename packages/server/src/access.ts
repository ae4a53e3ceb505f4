import { createHash } from 'node:crypto'
import { TidingsError } from 'tidings'
import type { Caller } from 'tidings/broker'
import { validateName } from 'tidings/event'

/** Who may call, and as whom. */
export interface AccessToken {
  readonly token: string
  /** The service or operator that the token stands for. */
  readonly principal: string
  /** The namespaces that it opens; `default` alone where absent. */
  readonly namespaces?: readonly string[]
}

export interface AccessOptions {
  /** The address that the server listens on. */
  readonly host: string
  readonly tokens?: readonly AccessToken[]
  /** Further names by which the server may be called, beside those of the loopback interface. */
  readonly hosts?: readonly string[]
  /** Origins of web pages that may call, beside the server's own. */
  readonly origins?: readonly string[]
}

export interface Credentials {
  readonly namespace: string
  readonly token?: string | undefined
  /** What the caller says of itself; believed only where there are no tokens. */
  readonly principal?: string | undefined
}

const shortestToken = 16
const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Decides who a request comes from and whether it may come from there at all. */
export class Access {
  readonly #tokens: ReadonlyMap<string, AccessToken> | undefined
  readonly #hosts: ReadonlySet<string> | undefined
  readonly #origins: ReadonlySet<string>

  /** Refuses to serve the network without tokens. */
  constructor({ host, tokens = [], hosts = [], origins = [] }: AccessOptions) {
    const loopback = isLoopback(host)
    if (!loopback && tokens.length === 0) {
      throw new TidingsError(
        'unauthenticated',
        `The server does not listen on ${host} without tokens, because everybody who reaches it could read and change everything; configure tokens or listen on 127.0.0.1.`,
      )
    }
    for (const { token, principal } of tokens) {
      validateName(principal, 'principal')
      if (token.length < shortestToken) {
        throw new TidingsError(
          'unauthenticated',
          `The token of ${principal} has fewer than ${shortestToken} characters; make a longer one.`,
        )
      }
    }
    this.#tokens = tokens.length === 0 ? undefined : new Map(tokens.map((each) => [digest(each.token), each]))
    this.#hosts = loopback || hosts.length > 0 ? new Set([...loopbackNames, ...hosts]) : undefined
    this.#origins = new Set(origins)
  }

  /** Whether everybody has to show one. */
  get asksForTokens(): boolean {
    return this.#tokens !== undefined
  }

  /** Against pages of other sites, which a browser lets talk to this address under a name of theirs. */
  checkSource(headers: { readonly host?: string | undefined; readonly origin?: string | undefined }): void {
    const host = headers.host ?? ''
    if (this.#hosts && !this.#hosts.has(host.replace(/:\d+$/, '').toLowerCase())) {
      throw new TidingsError(
        'forbidden',
        `The server is not called ${JSON.stringify(host.slice(0, 100))}; call it localhost or configure the name.`,
      )
    }
    const { origin } = headers
    if (origin === undefined || this.#origins.has(origin)) return
    if (origin !== `http://${host}` && origin !== `https://${host}`) {
      throw new TidingsError(
        'forbidden',
        `Pages of ${JSON.stringify(origin.slice(0, 100))} may not call this server; configure the origin to allow it.`,
      )
    }
  }

  /** Whether a request comes from a page of another origin that may call: its browser has to be told so. */
  isForeignPage(origin: string | undefined): origin is string {
    return origin !== undefined && this.#origins.has(origin)
  }

  caller({ namespace, token, principal }: Credentials): Caller {
    validateName(namespace, 'namespace')
    if (!this.#tokens) return { namespace, principal: validateName(principal ?? 'operator', 'principal') }
    const known = token === undefined ? undefined : this.#tokens.get(digest(token))
    if (!known) {
      throw new TidingsError(
        'unauthenticated',
        `${token === undefined ? 'There is no token' : 'The token is not known'}; send "Authorization: Bearer <token>".`,
      )
    }
    if (!(known.namespaces ?? ['default']).includes(namespace)) {
      throw new TidingsError(
        'forbidden',
        `The token of "${known.principal}" does not open the namespace "${namespace}".`,
      )
    }
    return { namespace, principal: known.principal }
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** The token of an `Authorization` header. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
}

/** Tokens are compared by their digests, so that the time of a comparison says nothing about them. */
function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
