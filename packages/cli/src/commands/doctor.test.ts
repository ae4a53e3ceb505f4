import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'
import { checkNode } from '../doctor/check-node.ts'
import { commandVersion } from '../version.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

interface Report {
  readonly code: number | null
  readonly ok: unknown
  /** Status and message by check. */
  readonly of: Readonly<Record<string, string>>
  readonly fixes: Readonly<Record<string, string>>
}

async function doctor(words: readonly string[], variables: Record<string, string | undefined> = {}): Promise<Report> {
  const { code, stdout } = await bench.run(['doctor', '--json', ...words], { variables })
  const [report] = jsonLines(stdout)
  const checks = report!['checks'] as { check: string; status: string; message: string; fix?: string }[]
  // Whatever is not well comes with one thing to do.
  for (const { status, fix } of checks) expect(Boolean(fix)).toBe(status === 'failed' || status === 'warning')
  return {
    code,
    ok: report!['ok'],
    of: Object.fromEntries(checks.map(({ check, status, message }) => [check, `${status}: ${message}`])),
    fixes: Object.fromEntries(checks.flatMap(({ check, fix }) => (fix === undefined ? [] : [[check, fix]]))),
  }
}

const nobody = { TIDINGS_URL: undefined }

describe('doctor', () => {
  test('finds nothing wrong with a server that works', async () => {
    const { code, ok, of } = await doctor([])
    expect({ code, ok }).toEqual({ code: 0, ok: true })
    expect(of).toMatchObject({
      node: expect.stringMatching(/^ok/),
      server: expect.stringMatching(/^ok/),
      version: expect.stringMatching(/^ok/),
      clock: expect.stringMatching(/^ok/),
      access: expect.stringMatching(/^ok/),
      folder: expect.stringMatching(/^ok/),
      disk: expect.stringMatching(/GB are free/),
      sync: expect.stringMatching(/commits [\d,]+ times a second|kept in memory/),
    })
    const { stdout } = await bench.tidings('doctor')
    expect(stdout).toMatch(/^ok {7}node {5}Node /)
  })

  test('takes no offence at a server that nobody started, if its place is free', async () => {
    const { code, of } = await doctor(['--port', await freePort()], nobody)
    expect(code).toBe(0)
    expect(of).toMatchObject({
      server: expect.stringMatching(/^skipped: .*tidings server/),
      port: expect.stringMatching(/^ok: .*free/),
      store: expect.stringMatching(/^skipped/),
    })
  })

  test('fails with exit code 3 where the server that was named does not answer', async () => {
    const { code, ok, of, fixes } = await doctor(['--url', `http://127.0.0.1:${await freePort()}`])
    expect({ code, ok }).toEqual({ code: 3, ok: false })
    expect(of['server']).toMatch(/^failed: Nothing answers/)
    expect(fixes['server']).toContain('--url')
  })

  test('fails where another program has the port', async () => {
    const other = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { code, of } = await doctor(['--port', String((other.address() as AddressInfo).port)], nobody)
    other.close()
    expect(code).toBe(3)
    expect(of['server']).toMatch(/^failed: .*no Tidings server/)
  })

  test.each([
    ['another version of the protocol', { protocol: '2' }, 'version', /^failed: .*version 2 of the protocol/, 3],
    ['another version of the program', { version: '9.9.9' }, 'version', /^warning: .*9\.9\.9/, 0],
    ['a clock that is a minute off', { skewMs: 120_000 }, 'clock', /^failed: .*\d+ s apart/, 3],
    ['a clock that is seconds off', { skewMs: 10_000 }, 'clock', /^warning: .*\d+ s apart/, 0],
    ['no time at all', { skewMs: undefined }, 'clock', /^skipped/, 0],
    ['a server that is not ready', { status: 503 }, 'server', /^warning: .*is not ready\. The disk is full\./, 0],
  ])('says what is wrong with %s', async (_, server, check, finding, expected) => {
    await using other = await serverWith({ protocol: '1', version: commandVersion, skewMs: 0, status: 200, ...server })
    const { code, of } = await doctor(['--url', other.url])
    expect(of[check]).toMatch(finding)
    expect(code).toBe(expected)
  })

  test('fails where the namespace is unknown', async () => {
    const { code, of } = await doctor(['--namespace', 'nowhere'])
    expect(code).toBe(3)
    expect(of['access']).toMatch(/^failed: .*nowhere/)
  })

  test('fails where the folder is a file or the store is damaged, and leaves the store as it was', async () => {
    writeFileSync(join(bench.folder, 'file'), '')
    const file = await doctor(['--data', 'file/store'])
    expect(file.code).toBe(3)
    expect(file.of['folder']).toMatch(/^failed: .*is no folder/)
    mkdirSync(join(bench.folder, 'damaged'))
    writeFileSync(join(bench.folder, 'damaged/tidings.json'), 'nonsense')
    const damaged = await doctor(['--data', 'damaged'])
    expect(damaged.code).toBe(3)
    expect(damaged.of['store']).toMatch(/^failed: .*not a whole store/)
  })

  test('says who uses the store, and that it is whole once nobody does', async () => {
    const running = bench.start(['server', '--port', '0', '--data', 'used'])
    await running.printed(/listening on/)
    const { code, of } = await doctor(['--data', 'used'])
    expect(code).toBe(0)
    expect(of['store']).toBe(`ok: The store is in use by process ${running.child.pid}.`)
    const alone = await doctor(['--data', 'used', '--port', await freePort()], nobody)
    expect(alone.of['store']).toMatch(/^warning: .*no server answers/)
    running.child.kill('SIGTERM')
    await running.ended
    expect((await doctor(['--data', 'used'])).of['store']).toMatch(/^ok: The store is whole/)
  })

  test('knows which Node is too old', () => {
    expect(checkNode('20.18.9')).toMatchObject({ status: 'failed' })
    expect(checkNode('20.19.0')).toMatchObject({ status: 'ok' })
    expect(checkNode('24.0.0')).toMatchObject({ status: 'ok' })
  })
})

async function freePort(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return String(port)
}

interface Pretended {
  readonly protocol: string
  readonly version: string
  readonly skewMs: number | undefined
  readonly status: number
}

/** A server that says these things of itself, and has no topics. */
async function serverWith({
  protocol,
  version,
  skewMs,
  status,
}: Pretended): Promise<AsyncDisposable & { url: string }> {
  const server = createHttpServer((request, response) => {
    response.sendDate = false
    if (skewMs !== undefined) response.setHeader('date', new Date(Date.now() - skewMs).toUTCString())
    response.writeHead(request.url === '/health/ready' ? status : 200, { 'tidings-protocol': protocol })
    response.end(JSON.stringify({ info: { version }, topics: [], detail: 'The disk is full.' }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
