import { TidingsError, type Environment } from 'tidings'
import type { Broker, Caller, Delivery, DeliveryStream } from 'tidings/broker'
import { parseJson } from 'tidings/event'
import {
  checkVersion,
  encodeFrame,
  problemOf,
  protocolVersion,
  readClientMessage,
  silenceLimitMs,
  type ClientMessage,
  type HelloMessage,
  type ServerMessage,
} from 'tidings/protocol'
import { ConnectionFollows } from './connection-follows.ts'
import { outcomeOf } from './operations.ts'
import { publishTexts } from './publish.ts'

/** A WebSocket as far as a connection needs one. */
export interface Socket {
  /** `done` is called when it has left this process, or never will. */
  send(data: string | Uint8Array, done?: () => void): void
  ping(): void
  close(code: number, reason: string): void
  /** Ends it without a word, for one whose other side is out of reach. */
  terminate(): void
}

export interface ConnectionOptions {
  readonly broker: Broker
  readonly environment: Environment
  readonly socket: Socket
  readonly pingIntervalMs: number
  readonly maxFrameBytes: number
  readonly serverVersion: string
  /** Who says hello; throws for one who may not come in. */
  readonly admit: (hello: HelloMessage) => Caller
  /** For what must not be shown to the client. */
  readonly report: (error: unknown) => void
}

/** Close codes of RFC 6455. */
const closeCodes = { normal: 1000, goingAway: 1001, protocolError: 1002, policy: 1008 } as const
const helloWithinMs = 10_000
/** Deliveries are cut into frames of about this size, so that signs of life are not stuck behind them. */
const frameBytes = 262_144

/**
 * One client on a WebSocket.
 *
 *   greeting ── hello, admitted ──▶ open ── socket closed, silence, violation ──▶ closed
 *      └────── anything else, or nothing for 10 s ───────────────────────────────────┘
 *
 * Entering `closed` abandons every stream: what it has leased returns after a grace. Every message is answered or
 * closes the connection; none is dropped silently.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #streams = new Map<number, DeliveryStream>()
  /** Streams that are being opened, with the credit that was granted meanwhile. */
  readonly #opening = new Map<number, number>()
  readonly #follows: ConnectionFollows
  #caller: Caller | undefined
  #closed = false
  #heardAt: number
  #cancelTimer: () => void

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#heardAt = options.environment.clock.monotonic()
    this.#follows = new ConnectionFollows({ ...options, send: (message) => this.#sent(message) })
    this.#cancelTimer = options.environment.timers.after(helloWithinMs, () => {
      this.#violate(
        new TidingsError('protocol-violation', `There was no "hello" within ${helloWithinMs} ms; send it first.`),
      )
    })
  }

  /** A sign of life. */
  heard(): void {
    this.#heardAt = this.#options.environment.clock.monotonic()
  }

  receive(data: Uint8Array, binary: boolean): void {
    this.heard()
    if (this.#closed) return
    try {
      if (binary) throw new TidingsError('protocol-violation', 'A client sends text messages only.')
      this.#handle(readClientMessage(parseJson(data, 'protocol-violation', 'The message')))
    } catch (error) {
      const id = error instanceof TidingsError && error.code === 'bad-request' ? error.details['id'] : undefined
      if (typeof id === 'number' && this.#caller) this.#send({ type: 'error', id, problem: problemOf(error) })
      else this.#violate(error)
    }
  }

  /** The socket has ended, for whatever reason. */
  closed(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelTimer()
    for (const stream of this.#streams.values()) stream.abandon()
    this.#streams.clear()
    this.#follows.closeAll()
  }

  /** Says goodbye because the server stops; clients come back to the next one. */
  stop(): void {
    this.#end(closeCodes.goingAway, 'the server stops')
  }

  #handle(message: ClientMessage): void {
    if (message.type === 'hello') return this.#greet(message)
    const caller = this.#caller
    if (!caller)
      throw new TidingsError('protocol-violation', `The first message must be "hello", not "${message.type}".`)
    switch (message.type) {
      case 'grant':
        return this.#grant(message.stream, message.credit)
      case 'abandon':
        return this.#abandon(message.stream)
      case 'ping':
        return this.#send({ type: 'pong', id: message.id })
      case 'open':
        this.#reserve(message.stream, message.id)
        return this.#answer(
          message.id,
          () => this.#open(caller, message),
          () => this.#opened(message.stream),
        )
      case 'follow':
        this.#refuseTaken(message.stream, message.id)
        return this.#answer(
          message.id,
          () => this.#follows.open(caller, message),
          () => this.#follows.opened(message.stream),
        )
      case 'publish':
        return this.#answer(message.id, () => publishTexts(this.#options.broker, caller, message))
      case 'close':
        return this.#answer(message.id, () => this.#close(message.stream))
      case 'settle':
        return this.#answer(message.id, () => this.#settle(caller, message))
      case 'renew': {
        const { id, subscription, leases, leaseMs } = message
        const request = { subscription, leases, leaseMs }
        return this.#answer(id, async () => ({ results: await this.#options.broker.renew(caller, request) }))
      }
    }
  }

  async #settle(
    caller: Caller,
    { subscription, outcomes, watermark }: ClientMessage & { type: 'settle' },
  ): Promise<object> {
    const request = { subscription, outcomes: outcomes.map(outcomeOf), ...(watermark !== undefined && { watermark }) }
    return { results: await this.#options.broker.settle(caller, request) }
  }

  #greet(hello: HelloMessage): void {
    if (this.#caller) throw new TidingsError('protocol-violation', 'There was a "hello" already.')
    checkVersion(hello.protocol, 'client')
    this.#caller = this.#options.admit(hello)
    const { pingIntervalMs, maxFrameBytes, serverVersion } = this.#options
    this.#send({
      type: 'welcome',
      protocol: protocolVersion,
      features: [],
      server: serverVersion,
      pingIntervalMs,
      maxFrameBytes,
    })
    this.#cancelTimer()
    this.#watch()
  }

  #reserve(number: number, id: number): void {
    this.#refuseTaken(number, id)
    this.#opening.set(number, 0)
  }

  #refuseTaken(number: number, id: number): void {
    if (!this.#streams.has(number) && !this.#opening.has(number) && !this.#follows.has(number)) return
    const details = { id }
    throw new TidingsError('bad-request', `Stream ${number} is open already; choose another number.`, { details })
  }

  async #open(caller: Caller, message: ClientMessage & { type: 'open' }): Promise<object> {
    const { stream: number, subscription, holder, leases } = message
    let ended: Error | undefined
    const stream = await this.#options.broker.stream(caller, {
      subscription,
      holder,
      ...(leases && { leases }),
      onDeliveries: (deliveries) => this.#deliver(number, deliveries),
      onProgress: (progress) => this.#send({ type: 'progress', stream: number, ...progress }),
      onClosed: (reason) => {
        ended = reason
        if (this.#streams.delete(number)) this.#send({ type: 'closed', stream: number, problem: problemOf(reason) })
      },
    })
    if (ended) throw ended
    if (this.#closed) stream.abandon()
    else this.#streams.set(number, stream)
    return { kept: stream.kept }
  }

  /** The client has its answer: what it granted meanwhile counts from here on, so that deliveries come after it. */
  #opened(number: number): void {
    const credit = this.#opening.get(number) ?? 0
    this.#opening.delete(number)
    if (credit > 0) this.#streams.get(number)?.grant(credit)
  }

  #grant(number: number, credit: number): void {
    const opening = this.#opening.get(number)
    if (opening !== undefined) this.#opening.set(number, opening + credit)
    // A grant may cross the news that its stream has ended.
    else this.#streams.get(number)?.grant(credit)
  }

  #abandon(number: number): void {
    this.#follows.close(number)
    this.#streams.get(number)?.abandon()
    this.#streams.delete(number)
  }

  async #close(number: number): Promise<object> {
    this.#follows.close(number)
    const stream = this.#streams.get(number)
    this.#streams.delete(number)
    await stream?.close()
    return {}
  }

  #deliver(stream: number, deliveries: readonly Delivery[]): void {
    let part: Delivery[] = []
    let bytes = 0
    for (const delivery of deliveries) {
      part.push(delivery)
      bytes += delivery.event.data?.length ?? 0
      if (bytes < frameBytes) continue
      this.#send({ type: 'deliveries', stream, deliveries: part })
      part = []
      bytes = 0
    }
    if (part.length > 0) this.#send({ type: 'deliveries', stream, deliveries: part })
  }

  #answer(id: number, work: () => Promise<object>, after: () => void = () => undefined): void {
    void work()
      .then(
        (result) => this.#send({ type: 'answer', id, result }),
        (error: unknown) => {
          if (!(error instanceof TidingsError)) this.#options.report(error)
          this.#send({ type: 'error', id, problem: problemOf(error) })
        },
      )
      .then(after)
  }

  #send(message: ServerMessage): void {
    if (this.#closed) return
    this.#options.socket.send(message.type === 'deliveries' ? encodeFrame(message) : JSON.stringify(message))
  }

  /** Resolves when it has left. */
  #sent(message: string | Uint8Array): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => this.#options.socket.send(message, () => resolve()))
  }

  /** Asks for signs of life, and gives up on a client that shows none: its connection may be half open. */
  #watch(): void {
    const { environment, pingIntervalMs, socket } = this.#options
    this.#cancelTimer = environment.timers.after(pingIntervalMs, () => {
      if (environment.clock.monotonic() - this.#heardAt > silenceLimitMs(pingIntervalMs)) {
        this.closed()
        return socket.terminate()
      }
      socket.ping()
      this.#watch()
    })
  }

  #violate(error: unknown): void {
    if (!(error instanceof TidingsError)) this.#options.report(error)
    const problem = problemOf(error)
    this.#send({ type: 'error', problem })
    const refused =
      problem.code === 'unauthenticated' || problem.code === 'forbidden' || problem.code === 'name-invalid'
    this.#end(refused ? closeCodes.policy : closeCodes.protocolError, problem.code)
  }

  #end(code: number, reason: string): void {
    if (this.#closed) return
    this.closed()
    this.#options.socket.close(code, reason)
  }
}
