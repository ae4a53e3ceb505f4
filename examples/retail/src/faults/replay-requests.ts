import { connect, createServer, type Socket } from 'node:net'
import { listen } from '../process/http.ts'
import { longestReplayDelayMs, replayShare, type ReplayOptions, type ReplayProxy } from './replay.ts'

/**
 * Between callers and a service: some HTTP requests reach the service a second time, a moment later, as they do when a
 * load balancer or a caller with a time-out tries again. It passes bytes on and only looks for where requests end.
 */
export async function replayRequests({ target, random }: ReplayOptions): Promise<ReplayProxy> {
  const open = new Set<Socket>()
  let replayed = 0
  let waiting = 0

  const replay = async (request: Buffer): Promise<void> => {
    waiting += 1
    await new Promise((resolve) => setTimeout(resolve, random() * longestReplayDelayMs))
    if (await isAnswered(target(), request)) replayed += 1
    waiting -= 1
  }
  const server = createServer({ noDelay: true }, (caller) => {
    const service = dial(target())
    open.add(caller).add(service)
    const requests = new RequestSplitter()
    caller.on('data', (bytes: Buffer) => {
      service.write(bytes)
      for (const request of requests.push(bytes)) if (random() < replayShare) void replay(request)
    })
    service.on('data', (bytes: Buffer) => caller.write(bytes))
    // When one side is gone the other sees what it would see without us: a connection that breaks.
    for (const [one, other] of [
      [caller, service],
      [service, caller],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => {
        other.destroy()
        open.delete(one)
      })
    }
  })
  const stop = (): void => {
    server.close()
    for (const socket of open) socket.destroy()
  }
  return { url: await listen(server, 0), replayed: () => replayed, busy: () => waiting > 0, stop }
}

const headEnd = '\r\n\r\n'

/** Cuts a stream of HTTP requests with a `content-length` (or without a body) into requests. */
class RequestSplitter {
  #bytes: Buffer = Buffer.alloc(0)

  push(bytes: Buffer): readonly Buffer[] {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes])
    const requests: Buffer[] = []
    for (let head = this.#bytes.indexOf(headEnd); head >= 0; head = this.#bytes.indexOf(headEnd)) {
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#bytes.toString('latin1', 0, head))?.[1] ?? 0)
      const end = head + headEnd.length + length
      if (this.#bytes.length < end) break
      requests.push(this.#bytes.subarray(0, end))
      this.#bytes = this.#bytes.subarray(end)
    }
    return requests
  }
}

function dial(url: string): Socket {
  const { hostname, port } = new URL(url)
  return connect({ host: hostname, port: Number(port), noDelay: true })
}

/** Sends a request on a connection of its own; whether the service said anything to it. */
function isAnswered(url: string, request: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const service = dial(url)
    service.once('data', () => {
      resolve(true)
      service.destroy()
    })
    service.once('error', () => resolve(false))
    service.once('close', () => resolve(false))
    service.write(request)
  })
}
