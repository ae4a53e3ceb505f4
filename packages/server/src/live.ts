import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { TidingsError, type Environment } from 'tidings'
import type { Broker, Caller, Follower, PositionedEvent, SubscriptionFilter } from 'tidings/broker'
import { parseJson } from 'tidings/event'
import { problemOf, routes, type ValueOf } from 'tidings/protocol'
import { textOf } from './answers.ts'
import type { ServerLimits } from './limits.ts'

export interface LiveOptions {
  readonly broker: Broker
  readonly environment: Environment
  readonly limits: ServerLimits
  readonly callerOf: (namespace: string, request: FastifyRequest) => Caller
}

type Query = ValueOf<typeof routes.follow.query>

/** Events as they come over plain HTTP, in the form that browsers read: https://html.spec.whatwg.org/#server-sent-events */
export class Live {
  readonly #options: LiveOptions
  readonly #responses = new Set<LiveResponse>()
  readonly #blocks = { plain: new Blocks(false), base64: new Blocks(true) }
  #stopped = false

  constructor(app: FastifyInstance, options: LiveOptions) {
    this.#options = options
    const url = `/v1/:namespace${routes.follow.path.replaceAll(/\{(\w+)\}/g, ':$1')}`
    app.get(url, (request, reply) => this.#serve(request, reply))
  }

  /** Ends them all; their clients come back. */
  stop(): void {
    this.#stopped = true
    for (const response of this.#responses) response.end()
  }

  async #serve(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { broker, limits, callerOf } = this.#options
    const { namespace, topic } = request.params as { namespace: string; topic: string }
    const query = routes.follow.query.read(request.query, 'The query')
    const caller = callerOf(namespace, request)
    if (this.#responses.size >= limits.connections || this.#stopped) {
      throw new TidingsError('unavailable', 'The server takes no more connections at present; try again later.')
    }
    const last = request.headers['last-event-id']
    const after = typeof last === 'string' && last !== '' ? last : query.after
    const response = new LiveResponse(reply, this.#options, this.#blocks[query.data === 'base64' ? 'base64' : 'plain'])
    const filter = filterOf(query)
    const follower = await broker.follow(caller, {
      topic,
      ...(after !== undefined && { after }),
      ...(filter && { filter }),
      ...response.listeners,
    })
    this.#responses.add(response)
    reply.raw.once('close', () => {
      this.#responses.delete(response)
      response.closed()
    })
    response.begin(follower)
    // It may have stopped while the follow was opened.
    if (this.#stopped) response.end()
  }
}

/** One answer that goes on. What its client does not take is waited for, and nothing more is read meanwhile. */
class LiveResponse {
  readonly #reply: FastifyReply
  readonly #options: LiveOptions
  readonly #blocks: Blocks
  readonly #begun: Promise<void>
  #begin: () => void = () => undefined
  #follower: Follower | undefined
  #cancelTimer: () => void = () => undefined
  /** Where a client goes on that has got everything so far, when that is news. */
  #progress: string | undefined
  #isWriting = false

  constructor(reply: FastifyReply, options: LiveOptions, blocks: Blocks) {
    this.#reply = reply
    this.#options = options
    this.#blocks = blocks
    this.#begun = new Promise((resolve) => (this.#begin = resolve))
  }

  get listeners(): Pick<Parameters<Broker['follow']>[1], 'onEvents' | 'onProgress' | 'onReset' | 'onClosed'> {
    return {
      onEvents: async (events, until) => {
        await this.#write(events.map((each) => this.#blocks.of(each)).join(''))
        this.#progress = until
      },
      onProgress: (until) => (this.#progress = until),
      onReset: async ({ position, message }) => {
        this.#progress = undefined
        await this.#write(block({ id: position, event: 'reset', data: JSON.stringify({ position, message }) }))
      },
      onClosed: (reason) => {
        void this.#write(block({ event: 'closed', data: JSON.stringify(problemOf(reason)) })).finally(() => this.end())
      },
    }
  }

  begin(follower: Follower): void {
    this.#follower = follower
    const { position } = follower
    const { pingIntervalMs } = this.#options.limits
    this.#reply.hijack()
    const headers = this.#reply.getHeaders() as Record<string, string>
    // Proxies that collect an answer before they pass it on would make it useless.
    this.#reply.raw.writeHead(200, { ...headers, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
    const data = JSON.stringify({ position, pingIntervalMs })
    this.#reply.raw.write(`retry: 1000\n${block({ id: position, event: 'live', data })}`)
    this.#begin()
    this.#keepAlive()
  }

  end(): void {
    this.closed()
    this.#reply.raw.end()
  }

  closed(): void {
    this.#cancelTimer()
    this.#follower?.close()
    this.#begin()
  }

  #keepAlive(): void {
    const { environment, limits } = this.#options
    this.#cancelTimer = environment.timers.after(limits.pingIntervalMs, () => {
      if (!this.#isWriting) void this.#write(this.#progress === undefined ? ':\n\n' : `id: ${this.#progress}\n\n`)
      this.#progress = undefined
      this.#keepAlive()
    })
  }

  async #write(text: string): Promise<void> {
    await this.#begun
    const { raw } = this.#reply
    if (raw.destroyed || raw.writableEnded || raw.write(text)) return
    const { environment, limits } = this.#options
    this.#isWriting = true
    const cancel = environment.timers.after(limits.stalledMs, () => raw.destroy())
    await new Promise<void>((resolve) => {
      const go = (): void => {
        raw.off('drain', go).off('close', go)
        resolve()
      }
      raw.on('drain', go).on('close', go)
    })
    cancel()
    this.#isWriting = false
  }
}

/** Events as they are sent. The broker gives the same one to all who follow, and it is written once for all of them. */
class Blocks {
  readonly #base64: boolean
  readonly #known = new WeakMap<PositionedEvent, string>()

  constructor(base64: boolean) {
    this.#base64 = base64
  }

  of(event: PositionedEvent): string {
    const known = this.#known.get(event)
    if (known !== undefined) return known
    const text = textOf({ events: [event] }, this.#base64)
    const made = block({ id: event.position, data: text.slice('{"events":['.length, -2) })
    this.#known.set(event, made)
    return made
  }
}

function block({ id, event, data }: { id?: string; event?: string; data: string }): string {
  const head = `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}`
  return `${head}data: ${data.replaceAll(/\r\n|\r|\n/g, '\ndata: ')}\n\n`
}

function filterOf({ type, key, correlationid, filter }: Query): SubscriptionFilter | undefined {
  if (filter !== undefined) return parseJson(new TextEncoder().encode(filter), 'bad-request', 'The filter') as object
  const types = listOf(type)
  const exact = [
    ['partitionkey', listOf(key)],
    ['correlationid', listOf(correlationid)],
  ] as const
  const all = exact.flatMap(([name, values]) => {
    return values ? [{ any: values.map((value) => ({ exact: { [name]: value } })) }] : []
  })
  if (!types && all.length === 0) return undefined
  return { ...(types && { types }), ...(all.length > 0 && { all }) }
}

function listOf(value: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof value === 'string' ? [value] : value
}
