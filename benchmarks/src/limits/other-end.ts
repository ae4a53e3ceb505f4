import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'

/**
 * The other end of the loopback, a process of its own that ends with its parent. It says `{ port }` once it listens; one
 * that connects instead says `{ connected }` once all its sockets are, and each read counts.
 */
type Order =
  | { readonly role: 'reads' }
  | { readonly role: 'answers' }
  | { readonly role: 'connects'; readonly port: number; readonly sockets: number }

const roles = {
  /** Reads everything, and answers one byte for each million that came. */
  reads: () => {
    listen(
      createServer((socket) => {
        let bytes = 0
        socket.on('data', (chunk) => {
          bytes += chunk.length
          for (; bytes >= 1_000_000; bytes -= 1_000_000) socket.write('.')
        })
        socket.on('error', () => undefined)
      }),
    )
  },
  answers: () => {
    listen(createHttpServer((request, response) => void request.resume().on('end', () => response.end('{}'))))
  },
  connects: async ({ port, sockets }: Extract<Order, { role: 'connects' }>) => {
    let bytes = 0
    for (let opened = 0; opened < sockets; opened++) {
      await new Promise<void>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', resolve)
        socket.on('data', (chunk) => (bytes += chunk.length)).on('error', reject)
      })
    }
    process.send!({ connected: sockets })
    process.on('message', () => process.send!({ bytes }))
  },
}

function listen(server: Server): void {
  server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }))
}

process.once('message', (order: Order) => {
  if (order.role === 'connects') void roles.connects(order)
  else roles[order.role]()
})
process.once('disconnect', () => process.exit())
