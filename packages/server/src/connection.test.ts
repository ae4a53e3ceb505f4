import { connect } from 'tidings'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { decodeFrame, type ServerMessage } from 'tidings/protocol'
import { caller, expectToGoOn, expectUntouched, openShop } from './shop.fixture.ts'
import type { Bench } from './bench.fixture.ts'

const hello = { type: 'hello', protocol: 1, features: [], namespace: 'default', principal: 'tester' }
const open = { type: 'open', id: 1, stream: 7, subscription: 'mail.all', holder: 'one' }
const sockets: WebSocket[] = []
afterEach(() => sockets.splice(0).forEach((socket) => socket.terminate()))

describe('a WebSocket', () => {
  it('delivers within the credit, settles and tells progress', async () => {
    await using bench = await openShop()
    const client = await Client.open(bench)
    client.send(hello, open, { type: 'grant', stream: 7, credit: 1 })
    expect(await client.next('welcome')).toMatchObject({ protocol: 1, pingIntervalMs: 5_000 })
    expect(await client.next('answer')).toMatchObject({ id: 1, result: { kept: [] } })
    const { stream, deliveries } = (await client.next('deliveries')) as ServerMessage & { type: 'deliveries' }
    expect([stream, deliveries.map(({ event }) => event.id)]).toEqual([7, ['known']])
    const { lease, position } = deliveries[0]!
    client.send({ type: 'settle', id: 2, subscription: 'mail.all', outcomes: [{ lease, action: 'ack' }] })
    expect(await client.next('answer')).toMatchObject({ id: 2, result: { results: [{ lease, status: 'settled' }] } })
    expect(await client.until('progress', (message) => 'floor' in message && message.floor === position)).toMatchObject(
      {
        stream: 7,
        generation: 1,
      },
    )
    client.send({ type: 'ping', id: 3 }, { type: 'close', id: 4, stream: 7 })
    expect(await client.next('pong')).toMatchObject({ id: 3 })
    expect(await client.next('answer')).toMatchObject({ id: 4, result: {} })
  })

  it.each([
    ['another version', { ...hello, protocol: 2 }, 'protocol-version', /upgrade the server/],
    ['another first message', open, 'protocol-violation', /first message must be "hello"/],
    ['a second hello', [hello, hello], 'protocol-violation', /"hello" already/],
    ['no JSON', [hello, '{"type":'], 'protocol-violation', /not acceptable JSON/],
    ['a binary message', [hello, Buffer.of(1, 0, 0, 0, 2)], 'protocol-violation', /text messages only/],
    ['an unknown type', [hello, { type: 'shout' }], 'protocol-violation', /"type" is one of hello, open/],
    ['a grant of nonsense', [hello, { type: 'grant', stream: 1, credit: -5 }], 'protocol-violation', /credit must be/],
    ['JSON that is too deep', [hello, '['.repeat(100)], 'protocol-violation', /deeper than 64/],
    ['a namespace beside that of the path', { ...hello, namespace: 'other' }, 'bad-request', /that of the path/],
  ])('refuses %s, closes the connection and loses nothing', async (_, messages, code, detail) => {
    await using bench = await openShop()
    const client = await Client.open(bench)
    client.send(...[messages].flat())
    const { problem } = (await client.next('error')) as ServerMessage & { type: 'error' }
    expect(problem).toMatchObject({ code })
    expect(problem.detail).toMatch(detail)
    await client.ended
    await expectUntouched(bench)
    await expectToGoOn(bench)
  })

  it('answers a request that is wrong in one field and goes on', async () => {
    await using bench = await openShop()
    const client = await Client.open(bench)
    client.send(
      hello,
      { type: 'renew', id: 5, subscription: 'mail.all', leases: [], leaseMs: 1 },
      { type: 'ping', id: 6 },
    )
    expect(await client.next('error')).toMatchObject({ id: 5, problem: { code: 'bad-request' } })
    expect(await client.next('pong')).toMatchObject({ id: 6 })
  })

  it('refuses a stream number that is taken, and the stream goes on', async () => {
    await using bench = await openShop()
    const client = await Client.open(bench)
    client.send(hello, open, { ...open, id: 2 }, { type: 'grant', stream: 7, credit: 1 })
    expect(await client.next('error')).toMatchObject({ id: 2, problem: { code: 'bad-request' } })
    expect(await client.next('deliveries')).toMatchObject({ stream: 7 })
  })

  it('gives back what a client that vanished had in hand', async () => {
    await using bench = await openShop()
    const client = await Client.open(bench)
    client.send(hello, open, { type: 'grant', stream: 7, credit: 1 })
    await client.next('deliveries')
    client.socket.terminate()
    const { deliveries } = await bench.broker.pull(caller, { subscription: 'mail.all', waitMs: 10_000 })
    expect(deliveries.map(({ event }) => event.id)).toEqual(['known'])
  })

  it('closes the connection of a client that shows no sign of life', async () => {
    await using bench = await openShop({ limits: { pingIntervalMs: 20 } })
    const client = await Client.open(bench, { autoPong: false })
    client.send(hello)
    await client.next('welcome')
    await client.ended
  })

  it('tells its clients when the server stops', async () => {
    const bench = await openShop()
    const client = await Client.open(bench)
    client.send(hello)
    await client.next('welcome')
    await bench[Symbol.asyncDispose]()
    expect(await client.ended).toBe(1001)
  })
})

it('a server that stops does not wait for a client that is dead', async () => {
  const bench = await openShop()
  const client = await Client.open(bench)
  client.send(hello)
  await client.next('welcome')
  client.socket.pause()
  await bench[Symbol.asyncDispose]()
})

describe('a client on a WebSocket', () => {
  it('notices a server that shows no sign of life', async () => {
    await using bench = await openShop({ limits: { pingIntervalMs: 20 } })
    // Half open: what the server sends after its welcome does not arrive.
    class Deaf extends WebSocket {
      #heard = 0
      override emit(name: string, ...given: unknown[]): boolean {
        return name === 'message' && this.#heard++ > 0 ? true : super.emit(name, ...given)
      }
    }
    await using remote = connect(bench.server.url, { WebSocket: Deaf })
    const closed = new Promise<Error>((resolve) => {
      const listeners = { onDeliveries: () => undefined, onClosed: resolve }
      void remote.stream(caller, { subscription: 'mail.all', holder: 'one', ...listeners }).catch(resolve)
    })
    expect(await closed).toMatchObject({ code: 'unavailable', retryable: true })
    expect((await closed).message).toMatch(/nothing was heard for \d+ ms/)
  })
})

/** A client that speaks the protocol by hand. */
class Client {
  readonly socket: WebSocket
  readonly ended: Promise<number>
  readonly #messages: ServerMessage[] = []
  #arrived: () => void = () => undefined

  private constructor(socket: WebSocket) {
    this.socket = socket
    this.ended = new Promise((resolve) => socket.once('close', resolve))
    socket.on('message', (data: Buffer, binary) => {
      this.#messages.push((binary ? decodeFrame(data) : JSON.parse(data.toString())) as ServerMessage)
      this.#arrived()
    })
  }

  static async open({ base }: Bench, options: { autoPong?: boolean } = {}): Promise<Client> {
    const socket = new WebSocket(`${base.replace('http', 'ws')}/stream`, options)
    sockets.push(socket)
    const client = new Client(socket)
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return client
  }

  send(...messages: readonly (object | string)[]): void {
    for (const message of messages) {
      this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))
    }
  }

  next(type: ServerMessage['type']): Promise<ServerMessage> {
    return this.until(type, () => true)
  }

  /** The next message that fits; those before it of the same type are dropped. */
  async until(type: ServerMessage['type'], fits: (message: ServerMessage) => boolean): Promise<ServerMessage> {
    for (;;) {
      const place = this.#messages.findIndex((message) => message.type === type)
      const [message] = place === -1 ? [] : this.#messages.splice(place, 1)
      if (message && fits(message)) return message
      if (!message) await new Promise<void>((resolve) => (this.#arrived = resolve))
    }
  }
}
