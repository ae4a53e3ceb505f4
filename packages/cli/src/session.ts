import { connect, connectPush, TidingsError, type PushOperator } from 'tidings'
import type { Broker, Caller } from 'tidings/broker'
import { errorOfProblem, principalHeader, protocolHeader } from 'tidings/protocol'
import { UsageError } from './failure.ts'
import { Output, type Terminal } from './output.ts'
import { readSettings, type Flags, type Settings } from './settings.ts'

/** One run of one command: where its output goes, what it was told, and the server that it talks to. */
export class Session {
  readonly output: Output
  readonly settings: Settings
  /** Whether a person is there to be asked. */
  readonly interactive: boolean
  readonly terminal: Terminal
  readonly #flags: Flags
  readonly #closing = new AbortController()
  #broker: Broker | undefined

  constructor(terminal: Terminal, flags: Flags) {
    this.terminal = terminal
    this.#flags = flags
    this.output = new Output(terminal, {
      json: flags.json ?? false,
      quiet: flags.quiet ?? false,
      color: flags.color ?? true,
    })
    this.settings = readSettings(flags, terminal.env)
    this.interactive = flags.input !== false && terminal.stdin.isTTY === true && terminal.stderr.isTTY === true
  }

  /** The same session with another server. */
  at(url: string): Session {
    return new Session(this.terminal, { ...this.#flags, url })
  }

  get caller(): Caller {
    const { namespaces, principal } = this.settings
    const [namespace = ''] = namespaces
    if (namespaces.length > 1) {
      throw new UsageError(`One command works in one namespace, not in ${namespaces.join(' and ')}; name one of them.`)
    }
    return { namespace, principal }
  }

  /** The server's broker; nothing is sent before the first call. */
  get broker(): Broker {
    const { url, token } = this.settings
    return (this.#broker ??= connect(url, {
      // Everything here is asked for and answered, so that no WebSocket is needed.
      WebSocket: null,
      fetch: (input, init) => fetch(input, { ...init, signal: this.#until(init?.signal) }),
      ...(token !== undefined && { token }),
    }))
  }

  /** What the server pushes. */
  get push(): PushOperator {
    const { url, token } = this.settings
    return connectPush(url, {
      fetch: (input, init) => fetch(input, { ...init, signal: this.#until(init?.signal) }),
      ...(token !== undefined && { token }),
    })
  }

  /** What the server answers to a request that is none of a broker; one that refuses throws what the server says. */
  async request(path: string): Promise<Response> {
    const { url, token, principal } = this.settings
    const response = await fetch(`${url.replace(/\/+$/, '')}${path}`, {
      headers: { [principalHeader]: principal, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      signal: this.#closing.signal,
    }).catch((cause: unknown) => {
      throw new TidingsError('unavailable', `The server at ${url} is out of reach.`, { cause, details: { url } })
    })
    if (response.ok && response.headers.has(protocolHeader)) return response
    const problem = errorOfProblem(await response.json().catch(() => undefined))
    throw (
      problem ?? new TidingsError('unavailable', `${url} answered "${response.status}", which is no answer of Tidings.`)
    )
  }

  /** Gives up what is still being asked for. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#broker?.stop()
  }

  #until(signal: AbortSignal | null | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal
  }
}
