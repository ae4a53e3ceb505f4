import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Client } from 'pg'
import { expect, test, type TestContext } from 'vitest'
import { sleep, systemEnvironment, type Environment } from '../environment/index.ts'
import { captureBench, expectLatest, listed } from './capture.fixture.ts'
import { parseLsn } from './lsn.ts'
import { ReplicationStream } from './stream.ts'

/** Twenty times as fast as the time of day. */
const hurried: Environment = {
  ...systemEnvironment,
  clock: { now: () => Date.now(), monotonic: () => performance.now() * 20 },
  timers: { ...systemEnvironment.timers, after: (delayMs, run) => systemEnvironment.timers.after(delayMs / 20, run) },
}

interface Line {
  readonly url: string
  /** From here on nothing comes through, and nobody is told, on any connection that there is. */
  fallSilent(): void
  /** As many of the next connections are taken, and nothing comes through them either. */
  swallow(connections: number): void
}

/** Stands between a client and PostgreSQL, as a network does. */
async function lineTo(context: TestContext, url: string): Promise<Line> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  let swallowed = 0
  const server = createServer((client) => {
    sockets.add(client.on('error', () => undefined))
    if (swallowed-- > 0) return void client.pause()
    const other = connect(Number(port), hostname).on('error', () => undefined)
    sockets.add(other)
    client.pipe(other)
    other.pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const through = new URL(url)
  through.port = String((server.address() as AddressInfo).port)
  return {
    url: through.href,
    fallSilent() {
      for (const socket of sockets) socket.unpipe().pause()
    },
    swallow: (connections) => (swallowed = connections),
  }
}

test('a replication connection of which the other end is gone without a word is given up, and another one goes on', async (context) => {
  const { owner, broker, alarms, url, capture } = await captureBench(context)
  const line = await lineTo(context, url)
  // The server gives up its own end as fast.
  const connection = { connectionString: line.url, replication: 'database', options: '-c wal_sender_timeout=5s' }
  const capturing = capture({
    environment: hurried,
    heartbeatMs: 4_000,
    replication: () => new Client(connection),
  })
  await capturing.start()
  await listed(capturing)
  line.fallSilent()
  line.swallow(1)
  await owner.query("insert into customer values (1, 'Ann')")
  await expectLatest(broker, { 1: { id: 1, name: 'Ann' } })
  expect(alarms).toContainEqual(
    expect.objectContaining({ alarm: 'failing', message: expect.stringMatching(/said nothing .* for 60 s/) }),
  )
})

test('a server that has nothing to tell, and nothing to wait for, is not given up', async (context) => {
  const { owner, url, slot } = await captureBench(context)
  const { rows } = await owner.query<{ lsn: string }>(
    "select lsn from pg_create_logical_replication_slot($1, 'pgoutput')",
    [slot],
  )
  const from = parseLsn(rows[0]!.lsn)
  let isSilent = false
  const onSilent = (): void => void (isSilent = true)
  const options = {
    slot,
    publication: slot,
    from,
    environment: hurried,
    maxBytes: 1,
    silentMs: 60_000,
    onSilent,
    settings: {},
  }
  const stream = new ReplicationStream(options)
  const connection = { connectionString: url, replication: 'database' }
  const client = new Client(connection)
  client.on('error', () => undefined)
  await client.connect()
  context.onTestFinished(() => {
    stream.close(new Error('The test is over.'))
    return client.end()
  })
  client.query(stream as never)
  // Else the server would ask how far it is, again and again.
  stream.confirm(from + 2n ** 40n)
  await sleep(hurried, 130_000)
  expect(isSilent).toBe(false)
})
