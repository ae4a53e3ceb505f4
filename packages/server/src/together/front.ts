import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { TidingsError } from 'tidings'

/** Takes a connection, which is its own to answer and to end. */
export type Take = (connection: Socket) => void

export interface FrontOptions {
  readonly host: string
  readonly port: number
  /** More are closed at once: also what ends a circle of servers whose addresses lead back to themselves. */
  readonly connections: number
}

/** The port of a server, which is open whoever leads. Whoever takes its connections changes; they end with that. */
export class Front {
  readonly #options: FrontOptions
  readonly #server: Server
  readonly #connections = new Set<Socket>()
  #take: Take

  constructor(options: FrontOptions, take: Take) {
    this.#options = options
    this.#take = take
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (connection) => {
      this.#connections.add(connection)
      // An error is followed by the closing, which says all that matters here.
      connection.on('error', () => undefined)
      connection.once('close', () => this.#connections.delete(connection))
      this.#take(connection)
    })
    this.#server.maxConnections = options.connections
  }

  /** Answers where it listens. Rejects with `port-in-use` when the port is taken. */
  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, port } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) => reject(refusal(cause, this.#options)))
      // That name stands for two addresses, of which every client that calls it tries both.
      this.#server.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port }, resolve)
    })
    return { host, port: (this.#server.address() as AddressInfo).port }
  }

  /** Gives connections to somebody else from now on, and ends those that there are. */
  direct(take: Take): void {
    this.#take = take
    this.endConnections()
  }

  endConnections(): void {
    for (const connection of this.#connections) connection.destroy()
  }

  /** Takes no connections any more; those that there are go on. */
  close(): void {
    this.#server.close()
  }
}

function refusal(cause: NodeJS.ErrnoException, { host, port }: FrontOptions): Error {
  if (cause.code !== 'EADDRINUSE') return cause
  const message = `Port ${port} of ${host} is taken by another program; stop that one or choose another port.`
  return new TidingsError('port-in-use', message, { cause, details: { host, port } })
}
