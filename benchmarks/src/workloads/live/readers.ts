import { connect, type Socket } from 'node:net'

/** Sockets that read live updates as a browser does (server-sent events), with as little work as it goes. */
export interface Readers {
  /** Events that came, to all of them together. */
  readonly received: () => number
  /** Events that were left out, as the numbers of their positions show, and how often a reader was told to load again. */
  readonly missed: () => number
  /** All connections break at once, as when a proxy restarts. */
  breakAll(): void
  /** All connect again, and name the last event that they have. Resolves when each is live. */
  connectAll(): Promise<void>
}

interface Reader {
  readonly topic: string
  socket?: Socket
  /** What has come of an event that is not complete. */
  rest: string
  lastId?: string
}

/** So many of them connect at once. */
const atOnce = 100

export function readersOf(server: string, topics: readonly string[], sockets: number): Readers {
  const { port } = new URL(server)
  const readers = Array.from({ length: sockets }, (_, number): Reader => ({
    topic: topics[number % topics.length]!,
    rest: '',
  }))
  let received = 0
  let missed = 0
  const take = (reader: Reader, block: string): 'live' | undefined => {
    const found = /(?:^|\n)id: (\S+)(?:\nevent: (\w+))?(\ndata: )?/.exec(block)
    if (!found) return undefined
    const [, id, event, data] = found
    if (event === 'reset') missed++
    if (event === undefined && data !== undefined) {
      received++
      if (reader.lastId !== undefined && numberOf(id!) !== numberOf(reader.lastId) + 1) missed++
    }
    reader.lastId = id!
    return event === 'live' ? 'live' : undefined
  }
  const open = (reader: Reader): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1')
      reader.socket = socket
      reader.rest = ''
      const after = reader.lastId === undefined ? '' : `last-event-id: ${reader.lastId}\r\n`
      socket.setEncoding('latin1').on('error', reject)
      socket.write(`GET /v1/default/topics/${reader.topic}/live HTTP/1.1\r\nhost: localhost\r\n${after}\r\n`)
      socket.on('data', (chunk: string) => {
        const text = reader.rest + chunk
        if (text.startsWith('HTTP/1.1 ') && !text.startsWith('HTTP/1.1 200')) {
          return void socket.destroy(new Error(`the server answered ${text.slice(0, 200)}`))
        }
        const blocks = text.split('\n\n')
        reader.rest = blocks.pop()!
        for (const block of blocks) if (take(reader, block) === 'live') resolve()
      })
    })
  return {
    received: () => received,
    missed: () => missed,
    breakAll() {
      for (const { socket } of readers) socket?.resetAndDestroy()
    },
    async connectAll() {
      const waiting = [...readers]
      const lane = async (): Promise<void> => {
        for (let next = waiting.pop(); next; next = waiting.pop()) await open(next)
      }
      await Promise.all(Array.from({ length: atOnce }, lane))
    },
  }
}

/** A position is `epoch.number`. */
function numberOf(position: string): number {
  return Number(position.split('.').at(-1))
}
