import type { Follower, FollowRequest } from '../broker/port/events.ts'
import { sleep, type Environment } from '../environment/index.ts'
import { TidingsError, type ErrorCode } from '../errors.ts'
import type { Position } from '../event/index.ts'

const firstPauseMs = 50
const longestPauseMs = 2_000
/** No end for whoever comes back: a server whose store was wiped may have the topic again in a moment. */
const passing: ReadonlySet<ErrorCode> = new Set(['topic-unknown', 'namespace-unknown'])

/** One connection on which a topic is followed. */
export interface LiveLine {
  /** Where it began. */
  readonly position: Position
  /** Resolves with the reason when it has ended on its own. */
  readonly ended: Promise<Error>
  close(): void
}

export interface LiveListeners {
  readonly onEvents: FollowRequest['onEvents']
  readonly onProgress: (until: Position) => void
  readonly onReset: FollowRequest['onReset']
}

export interface RemoteFollowOptions {
  readonly environment: Environment
  readonly request: FollowRequest
  readonly open: (after: Position | undefined, listeners: LiveListeners) => Promise<LiveLine>
  readonly onEnd: (follow: RemoteFollow) => void
}

/**
 * Follows a topic of a remote broker across its connections.
 *
 *   live ── connection lost, silence ──▶ stale ── open again, after what came last ──▶ live
 *     └── refused for good, stopped ──▶ closed ◀──┘
 *
 * Its follower is called with one thing after another, whichever connection it came on.
 */
export class RemoteFollow {
  readonly #options: RemoteFollowOptions
  readonly #ending = new AbortController()
  /** What came last, as soon as anything is known. */
  #after: Position | undefined
  #line: LiveLine | undefined
  /** Counts connections: what comes late from an earlier one is not heard. */
  #attempt = 0
  /** Whoever opens the follow has it before he hears from it. */
  #last: Promise<void>
  #begin: () => void = () => undefined

  private constructor(options: RemoteFollowOptions) {
    this.#options = options
    this.#last = new Promise((resolve) => (this.#begin = resolve))
  }

  static async open(options: RemoteFollowOptions): Promise<{ follow: RemoteFollow; follower: Follower }> {
    const follow = new RemoteFollow(options)
    const line = await options.open(options.request.after, follow.#listeners())
    follow.#line = line
    follow.#after ??= line.position
    void follow.#keepOpen(line)
    // Callers wait for the promise of this call, and hear nothing before they have it.
    options.environment.timers.after(0, () => follow.#begin())
    return { follow, follower: { position: line.position, close: () => follow.close() } }
  }

  close(): void {
    if (this.#ending.signal.aborted) return
    this.#ending.abort()
    this.#line?.close()
    this.#options.onEnd(this)
  }

  fail(reason: Error): void {
    if (this.#ending.signal.aborted) return
    this.close()
    this.#options.request.onClosed(reason)
  }

  #listeners(): LiveListeners {
    const { request } = this.#options
    const attempt = ++this.#attempt
    const hear = async (after: Position, call: () => Promise<void> | void): Promise<void> => {
      if (attempt !== this.#attempt) return
      this.#after = after
      await this.#tell(call)
    }
    return {
      onEvents: (events, until) => hear(until, () => request.onEvents(events, until)),
      onProgress: (until) => void hear(until, () => request.onProgress?.(until)),
      onReset: (reset) => hear(reset.position, () => request.onReset(reset)),
    }
  }

  #tell(call: () => Promise<void> | void): Promise<void> {
    this.#last = this.#last.then(async () => {
      if (this.#ending.signal.aborted) return
      try {
        await call()
      } catch (error) {
        this.fail(error as Error)
      }
    })
    return this.#last
  }

  async #keepOpen(first: LiveLine): Promise<void> {
    const { signal } = this.#ending
    for (let line: LiveLine | undefined = first; line;) {
      const reason: Error = await line.ended
      if (signal.aborted) return
      line = await this.#reopen(reason)
      this.#line = line
      if (signal.aborted) line?.close()
      else if (line) this.#options.request.onLive?.()
    }
  }

  /** Tries until there is a connection again; `undefined` when there will be none. */
  async #reopen(lost: Error): Promise<LiveLine | undefined> {
    const { request, environment, open } = this.#options
    const { signal } = this.#ending
    let reason = lost
    let isEnd = isFinal
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      if (isEnd(reason)) {
        this.fail(reason)
        return undefined
      }
      request.onStale?.(reason)
      await sleep(environment, pauseMs * (0.5 + environment.random.next() / 2), signal)
      if (signal.aborted) return undefined
      try {
        return await open(this.#after, this.#listeners())
      } catch (error) {
        reason = error as Error
        isEnd = isFinalBesidePassing
      }
    }
  }
}

function isFinal(reason: Error): boolean {
  return reason instanceof TidingsError && !reason.retryable
}

function isFinalBesidePassing(reason: Error): boolean {
  return isFinal(reason) && !passing.has((reason as TidingsError).code)
}
