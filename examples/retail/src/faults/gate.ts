import { connect, createServer, type Server, type Socket } from 'node:net'
import { listen } from '../process/http.ts'

/** A way to a server that can be cut: then every connection breaks, and no new one comes about. */
export class Gate {
  readonly url: string
  readonly #sockets: ReadonlySet<Socket>
  readonly #state: { isCut: boolean }

  private constructor(url: string, sockets: Set<Socket>, state: { isCut: boolean }) {
    this.url = url
    this.#sockets = sockets
    this.#state = state
  }

  static async start(target: () => string): Promise<Gate> {
    const sockets = new Set<Socket>()
    const state = { isCut: false }
    const server: Server = createServer((socket) => {
      if (state.isCut) return void socket.destroy()
      const { hostname, port } = new URL(target())
      join(socket, connect(Number(port), hostname), sockets)
    })
    return new Gate(await listen(server, 0), sockets, state)
  }

  cut(): void {
    this.#state.isCut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  mend(): void {
    this.#state.isCut = false
  }
}

/** What one says, the other hears; where one ends, the other does. */
function join(left: Socket, right: Socket, sockets: Set<Socket>): void {
  for (const [socket, other] of [
    [left, right],
    [right, left],
  ] as const) {
    sockets.add(socket)
    socket.on('error', () => other.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
      other.destroy()
    })
    socket.pipe(other)
  }
}
