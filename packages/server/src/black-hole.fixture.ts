import { connect as dial, createServer, type AddressInfo, type Socket } from 'node:net'

/** A way to a server that can swallow what is sent on it, in both directions, without closing anything. */
export interface BlackHole extends AsyncDisposable {
  /** Where the server is reached through it. */
  readonly url: string
  /** From here on nothing gets through: connections stand, and new ones are accepted and get no answer. */
  swallow(): void
  /** Connections made from here on get through; those from before stay dead. */
  heal(): void
  /** Resolves when the server has ended every connection that it had when `swallow` was called. */
  serverLetGo(): Promise<void>
}

/** A TCP proxy before the server at `url`. */
export async function blackHole(url: string): Promise<BlackHole> {
  const pairs = new Set<Pair>()
  const ended: Promise<unknown>[] = []
  const { hostname, port } = new URL(url)
  let swallowing = false
  const proxy = createServer({ allowHalfOpen: true }, (client) => {
    const pair = pairOf(client, swallowing ? undefined : dial({ host: hostname, port: Number(port) }))
    pairs.add(pair)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    swallow() {
      swallowing = true
      for (const { client, upstream } of pairs) {
        for (const side of [client, upstream]) {
          side?.removeAllListeners('data').removeAllListeners('end')
          side?.resume()
        }
        if (upstream && !upstream.closed)
          ended.push(new Promise((resolve) => upstream.once('close', resolve).once('end', resolve)))
      }
    },
    heal() {
      swallowing = false
    },
    async serverLetGo() {
      await Promise.all(ended)
    },
    async [Symbol.asyncDispose]() {
      for (const { client, upstream } of pairs) {
        client.destroy()
        upstream?.destroy()
      }
      await new Promise((resolve) => proxy.close(resolve))
    },
  }
}

interface Pair {
  readonly client: Socket
  readonly upstream: Socket | undefined
}

function pairOf(client: Socket, upstream: Socket | undefined): Pair {
  client.on('error', () => undefined).resume()
  if (!upstream) return { client, upstream }
  upstream.on('error', () => undefined)
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.on('data', (bytes) => to.write(bytes))
    from.on('end', () => to.end())
  }
  return { client, upstream }
}
