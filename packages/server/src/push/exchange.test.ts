import { systemEnvironment } from 'tidings'
import { expect, it } from 'vitest'
import { createExchange } from './exchange.ts'
import { Guard } from './guard.ts'
import { openReceiver } from './push.fixture.ts'

it('a reply without an end costs no more than its beginning: the connection is closed', async () => {
  let closed: () => void = () => undefined
  const isClosed = new Promise<void>((resolve) => (closed = resolve))
  await using receiver = await openReceiver({
    answer(_, response) {
      response.once('close', closed)
      const pour = (): void => {
        if (!response.destroyed) response.write(new Uint8Array(8_192), () => setImmediate(pour))
      }
      response.writeHead(200)
      pour()
    },
  })
  const { exchange, close } = createExchange({ guard: new Guard(['127.0.0.1']), environment: systemEnvironment })
  const url = new URL(receiver.url)
  const reply = await exchange({ method: 'POST', url, headers: {}, body: new Uint8Array(1), timeoutMs: 60_000 })
  expect(reply.status).toBe(200)
  await isClosed
  close()
})
