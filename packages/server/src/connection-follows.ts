import type { Environment } from 'tidings'
import type { Broker, Caller, Follower, FollowRequest } from 'tidings/broker'
import { encodeFrame, problemOf, type ClientMessage, type ServerMessage } from 'tidings/protocol'
import { textOf } from './answers.ts'

export interface ConnectionFollowsOptions {
  readonly broker: Broker
  readonly environment: Environment
  readonly pingIntervalMs: number
  /** Resolves when the message has left this process, or never will. */
  readonly send: (message: string | Uint8Array) => Promise<void>
}

interface Open {
  follower: Follower | undefined
  /** Resolves when the client has the answer: nothing is sent before it. */
  readonly answered: Promise<void>
  readonly answer: () => void
}

/** The topics that one client follows on its WebSocket. A page is not read before the one before has left. */
export class ConnectionFollows {
  readonly #options: ConnectionFollowsOptions
  readonly #open = new Map<number, Open>()

  constructor(options: ConnectionFollowsOptions) {
    this.#options = options
  }

  has(stream: number): boolean {
    return this.#open.has(stream)
  }

  async open(caller: Caller, message: ClientMessage & { type: 'follow' }): Promise<object> {
    const { stream } = message
    let answer = (): void => undefined
    const answered = new Promise<void>((resolve) => (answer = resolve))
    const open: Open = { follower: undefined, answered, answer }
    this.#open.set(stream, open)
    try {
      open.follower = await this.#options.broker.follow(caller, this.#request(message, open))
    } catch (error) {
      this.#open.delete(stream)
      throw error
    }
    // The connection may have ended meanwhile.
    if (!this.#open.has(stream)) open.follower.close()
    return { position: open.follower.position }
  }

  /** The answer is on its way: events may follow it. */
  opened(stream: number): void {
    this.#open.get(stream)?.answer()
  }

  close(stream: number): void {
    const open = this.#open.get(stream)
    this.#open.delete(stream)
    open?.follower?.close()
    open?.answer()
  }

  closeAll(): void {
    for (const stream of this.#open.keys()) this.close(stream)
  }

  #request({ stream, topic, after, filter, json }: ClientMessage & { type: 'follow' }, open: Open): FollowRequest {
    const { environment, pingIntervalMs } = this.#options
    let progress: string | undefined
    const send = async (message: ServerMessage & { type: 'events' | 'reset' | 'closed' }): Promise<void> => {
      await open.answered
      if (this.#open.get(stream) === open) await this.#options.send(formOf(message, json))
    }
    return {
      topic,
      ...(after !== undefined && { after }),
      ...(filter && { filter }),
      onEvents: (events, until) => {
        progress = undefined
        return send({ type: 'events', stream, events, until })
      },
      onProgress: (until) => {
        // A busy topic of which nothing matches is worth a word now and then.
        if (progress === undefined) {
          environment.timers.after(pingIntervalMs, () => {
            if (progress !== undefined) void send({ type: 'events', stream, events: [], until: progress })
            progress = undefined
          })
        }
        progress = until
      },
      onReset: (reset) => send({ type: 'reset', stream, ...reset }),
      onClosed: (reason) => {
        void send({ type: 'closed', stream, problem: problemOf(reason) }).finally(() => this.#open.delete(stream))
      },
    }
  }
}

function formOf(message: ServerMessage & { type: 'events' | 'reset' | 'closed' }, json = false): string | Uint8Array {
  if (message.type !== 'events') return JSON.stringify(message)
  return json ? textOf(message, false) : encodeFrame(message)
}
