import type { Server } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { HttpError, serve, type HttpRequest } from '../process/http.ts'

/**
 * Stands for a provider of email that honours idempotency keys: a call with a key that it knows sends nothing. A call
 * without a key always sends. It counts every call, and what it sent for which order to whom.
 */
export class MailRecorder {
  readonly sent = new Map<string, { to: string; emails: number }>()
  readonly #keys = new Set<string>()
  readonly #server: Server
  readonly url: string
  calls = 0
  refused = 0
  #failing = false

  private constructor(url: string, server: Server) {
    this.url = url
    this.#server = server
  }

  static async start(): Promise<MailRecorder> {
    const { url, server } = await serve({ port: 0, routes: { 'POST /emails': (request) => recorder.#send(request) } })
    const recorder = new MailRecorder(url, server)
    return recorder
  }

  /** Emails beyond the first of an order. */
  get sentTwice(): number {
    return [...this.sent.values()].reduce((sum, { emails }) => sum + emails - 1, 0)
  }

  /** Answers every call with an error for a while. */
  async failFor(durationMs: number): Promise<void> {
    this.#failing = true
    await pause(durationMs)
    this.#failing = false
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #send({ body, headers }: HttpRequest): { status: 'sent' | 'known' } {
    const { to, order } = body as { to: string; order: string }
    this.calls += 1
    if (this.#failing) {
      this.refused += 1
      throw new HttpError(503, 'The mail provider is out of order.')
    }
    const key = headers['idempotency-key']
    if (typeof key === 'string') {
      if (this.#keys.has(key)) return { status: 'known' }
      this.#keys.add(key)
    }
    const before = this.sent.get(order)
    this.sent.set(order, { to, emails: (before?.emails ?? 0) + 1 })
    return { status: 'sent' }
  }
}
