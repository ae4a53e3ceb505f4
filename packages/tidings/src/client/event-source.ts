import type { Caller } from '../broker/port/broker.ts'
import type { FollowRequest, PositionedEvent } from '../broker/port/events.ts'
import type { Environment } from '../environment/index.ts'
import { TidingsError } from '../errors.ts'
import { parseStructured, type Position } from '../event/index.ts'
import { errorOfProblem, silenceLimitMs } from '../protocol/index.ts'
import type { Http } from './http.ts'
import type { LiveLine, LiveListeners } from './live.ts'

export interface EventLineOptions {
  readonly http: Http
  readonly caller: Caller
  readonly environment: Environment
  readonly request: FollowRequest
}

/** Follows a topic over plain HTTP, for where there is no WebSocket, until that ends. */
export async function openEventLine(
  { http, caller, environment, request }: EventLineOptions,
  after: Position | undefined,
  listeners: LiveListeners,
): Promise<LiveLine> {
  const { topic, filter } = request
  const query = { after, data: 'base64', ...(filter && { filter: JSON.stringify(filter) }) }
  const { body, abort } = await http.open('follow', caller, { names: { topic }, query })
  const blocks = blocksOf(body)
  const first = (await blocks.next()).value
  const { position, pingIntervalMs } = JSON.parse(first?.data ?? '{}') as { position: Position; pingIntervalMs: number }
  const limitMs = silenceLimitMs(pingIntervalMs)
  let silence = (): void => undefined
  const listen = (): void => {
    silence()
    silence = environment.timers.after(limitMs, () => abort(lost(`nothing was heard for ${limitMs} ms`)))
  }
  const run = async (): Promise<Error> => {
    try {
      listen()
      for await (const block of blocks) {
        // What is being handled holds up what comes next, signs of life included.
        silence()
        const closed = await take(block, listeners)
        if (closed) return closed
        listen()
      }
      return lost('it was closed')
    } catch (error) {
      return error instanceof TidingsError ? error : lost(error instanceof Error ? error.message : String(error))
    } finally {
      silence()
      abort()
    }
  }
  return { position, ended: run(), close: () => abort() }
}

interface Block {
  readonly id?: string
  readonly event?: string
  readonly data?: string
}

async function take({ id, event, data }: Block, listeners: LiveListeners): Promise<Error | undefined> {
  if (data === undefined) {
    if (id !== undefined) listeners.onProgress(id)
    return undefined
  }
  const value: unknown = JSON.parse(data)
  if (event === 'closed') return errorOfProblem(value) ?? lost('it was closed')
  if (event === 'reset') await listeners.onReset(value as { position: Position; message: string })
  if (event !== undefined) return undefined
  const positioned = value as PositionedEvent
  // The payload is a text in base64, which no parser changes.
  const parsed = parseStructured(new TextEncoder().encode(JSON.stringify(positioned.event)))
  await listeners.onEvents([{ ...positioned, event: parsed }], positioned.position)
  return undefined
}

/** Blocks of lines, as https://html.spec.whatwg.org/#event-stream-interpretation has them; this server ends lines with LF. */
async function* blocksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Block, undefined> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return undefined
    text += decoder.decode(value, { stream: true })
    const whole = text.split('\n\n')
    text = whole.pop()!
    for (const each of whole) yield blockOf(each)
  }
}

function blockOf(text: string): Block {
  const block: { id?: string; event?: string; data?: string } = {}
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^(id|event|data): ?(.*)$/.exec(line) ?? []
    if (name === 'data') block.data = block.data === undefined ? value : `${block.data}\n${value}`
    else if (name === 'id' || name === 'event') block[name] = value
  }
  return block
}

function lost(reason: string): TidingsError {
  return new TidingsError(
    'unavailable',
    `The line to the server has ended (${reason}); it is safe to open another one.`,
  )
}
