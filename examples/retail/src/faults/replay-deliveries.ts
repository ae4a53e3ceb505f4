import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer, type RawData } from 'ws'
import { pass, reply, startHttpProxy, type PassedAnswer } from './http-proxy.ts'
import { longestReplayDelayMs, replayShare, type ReplayOptions, type ReplayProxy } from './replay.ts'

/**
 * Between consumers and the Tidings server: some delivery frames of a WebSocket come again a moment later, and some
 * answers to a pull are given to the next pull as well.
 */
export async function replayDeliveries(options: ReplayOptions): Promise<ReplayProxy> {
  const replays = new DeliveryReplays(options)
  const proxy = await startHttpProxy((incoming, body, response) => replays.request(incoming, body, response))
  proxy.server.on('upgrade', (incoming, socket, head) => replays.upgrade(incoming, socket, head))
  return { url: proxy.url, stop: proxy.stop, replayed: () => replays.replayed, busy: () => replays.waiting > 0 }
}

class DeliveryReplays {
  readonly #target: () => string
  readonly #random: () => number
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  /** Answers to be given once more, by path. */
  readonly #again = new Map<string, { answer: PassedAnswer; deliveries: number }>()
  replayed = 0
  waiting = 0

  constructor({ target, random }: ReplayOptions) {
    this.#target = target
    this.#random = random
  }

  request(incoming: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const path = incoming.url ?? ''
    const stored = this.#again.get(path)
    if (stored) {
      this.#again.delete(path)
      this.replayed += stored.deliveries
      return reply(response, stored.answer)
    }
    pass(this.#target(), incoming, body).then(
      (answer) => {
        const deliveries =
          path.endsWith('/pull') && answer.status === 200 ? countDeliveries(answer.body.toString('utf8')) : 0
        if (deliveries > 0 && this.#random() < replayShare) this.#again.set(path, { answer, deliveries })
        reply(response, answer)
      },
      () => response.destroy(),
    )
  }

  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#sockets.handleUpgrade(incoming, socket, head, (client) => {
      const url = `${this.#target().replace(/^http/, 'ws')}${incoming.url}`
      const upstream = new WebSocket(url, { perMessageDeflate: false })
      relay(client, upstream)
      relay(upstream, client, (frame) => this.#sent(client, frame))
    })
  }

  #sent(client: WebSocket, frame: Buffer): void {
    if (this.#random() >= replayShare) return
    const deliveries = countDeliveries(headerOf(frame))
    if (deliveries === 0) return
    this.waiting += 1
    setTimeout(() => {
      this.waiting -= 1
      if (client.readyState !== WebSocket.OPEN) return
      client.send(frame, { binary: true })
      this.replayed += deliveries
    }, this.#random() * longestReplayDelayMs)
  }
}

function relay(from: WebSocket, to: WebSocket, onFrame: (frame: Buffer) => void = () => undefined): void {
  const early: { data: Buffer; binary: boolean }[] = []
  to.on('open', () => {
    for (const { data, binary } of early.splice(0)) to.send(data, { binary })
  })
  from.on('message', (raw: RawData, binary: boolean) => {
    const data = bytesOf(raw)
    if (to.readyState === WebSocket.CONNECTING) early.push({ data, binary })
    else if (to.readyState === WebSocket.OPEN) to.send(data, { binary })
    if (binary) onFrame(data)
  })
  from.on('close', () => to.terminate())
  from.on('error', () => to.terminate())
}

function bytesOf(raw: RawData): Buffer {
  if (Array.isArray(raw)) return Buffer.concat(raw)
  return raw instanceof ArrayBuffer ? Buffer.from(raw) : raw
}

/** The JSON of a frame: one byte of version, a length of 32 bits, the text. */
function headerOf(frame: Buffer): string {
  return frame.length < 5 ? '' : frame.toString('utf8', 5, 5 + frame.readUInt32BE(1))
}

function countDeliveries(json: string): number {
  const message = JSON.parse(json === '' ? '{}' : json) as { deliveries?: unknown }
  return Array.isArray(message.deliveries) ? message.deliveries.length : 0
}
