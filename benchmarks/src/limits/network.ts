import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { until } from '../house/loops.ts'
import { payloadOf } from '../house/payload.ts'

async function withOtherEnd<Result>(
  order: object,
  work: (said: Record<string, number>, child: ChildProcess) => Promise<Result>,
): Promise<Result> {
  const child = fork(fileURLToPath(new URL('./other-end.js', import.meta.url)))
  try {
    child.send(order)
    const [said] = (await once(child, 'message')) as [Record<string, number>]
    return await work(said, child)
  } finally {
    child.kill()
  }
}

/** Frames of so many bytes a second, as many in one write as fit into 64 kB. */
export function framesPerSecond({ bytes, seconds }: { bytes: number; seconds: number }): Promise<number> {
  return withOtherEnd({ role: 'reads' }, async ({ port }) => {
    const socket = connect(port!, '127.0.0.1')
    await once(socket, 'connect')
    const frames = Array.from({ length: Math.ceil(65_536 / bytes) }, (_, number) =>
      payloadOf({ producer: 0, number }, bytes),
    )
    const packed = Buffer.concat(frames)
    let millions = 0
    socket.on('data', (dots) => (millions += dots.length))
    const start = performance.now()
    while (performance.now() - start < seconds * 1_000) {
      await new Promise((resolve) => socket.write(packed, resolve))
    }
    const elapsed = (performance.now() - start) / 1_000
    socket.destroy()
    // Only what the other side has read.
    return (millions * 1_000_000) / bytes / elapsed
  })
}

/** Requests with a body of so many bytes a second, each of 64 connections with one under way. */
export function requestsPerSecond({ bytes, requests }: { bytes: number; requests: number }): Promise<number> {
  return withOtherEnd({ role: 'answers' }, async ({ port }) => {
    const head = `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${bytes}\r\n\r\n`
    const request = Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 'x')])
    const sockets = Array.from({ length: 64 }, () => connect(port!, '127.0.0.1').setNoDelay())
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    const start = performance.now()
    await Promise.all(sockets.map((socket, index) => ask(socket, request, Math.ceil((requests - index) / 64))))
    const seconds = (performance.now() - start) / 1_000
    for (const socket of sockets) socket.destroy()
    return requests / seconds
  })
}

/** A client that does as little as it can: an answer has come when its body `{}` has. */
function ask(socket: Socket, request: Buffer, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let answered = 0
    socket.on('error', reject).on('data', (chunk) => {
      if (!chunk.includes('{}')) return
      if (++answered === count) resolve()
      else socket.write(request)
    })
    socket.write(request)
  })
}

/** Writes of so many bytes a second, to each of so many sockets in turn. */
export async function socketWritesPerSecond(run: { sockets: number; bytes: number; turns: number }): Promise<number> {
  const accepted: Socket[] = []
  const server = createServer((socket) => void accepted.push(socket.on('error', () => undefined)))
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return withOtherEnd({ role: 'connects', port, sockets: run.sockets }, async (_, child) => {
    await until(() => accepted.length === run.sockets)
    const frame = Buffer.alloc(run.bytes, 'x')
    const start = performance.now()
    for (let turn = 0; turn < run.turns; turn++) {
      for (const socket of accepted) socket.write(frame)
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (let bytes = 0; bytes < run.sockets * run.bytes * run.turns;) {
      child.send('how many bytes')
      ;[{ bytes }] = (await once(child, 'message')) as [{ bytes: number }]
    }
    const seconds = (performance.now() - start) / 1_000
    for (const socket of accepted) socket.destroy()
    server.close()
    return (run.sockets * run.turns) / seconds
  })
}
