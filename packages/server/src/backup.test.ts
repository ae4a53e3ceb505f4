import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkBackup } from 'tidings/engines/embedded'
import type { Problem } from 'tidings/protocol'
import { startServer, type RunningServer, type StartOptions } from './start.ts'

const tokens = [
  { token: 'token-of-the-operator', principal: 'operator', namespaces: ['default', 'blue'] },
  { token: 'token-of-half-an-operator', principal: 'operator' },
  { token: 'token-of-the-shop-team', principal: 'shop', namespaces: ['default', 'blue'] },
]

let path: string
let server: RunningServer | undefined
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'tidings-backup-'))
})
afterEach(async () => {
  await server?.stop()
  await rm(path, { recursive: true })
})

async function take(options: StartOptions, token?: string): Promise<Response> {
  server = await startServer({ path, port: 0, namespaces: ['default', 'blue'], ...options })
  return fetch(`${server.url}/backup`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })
}

describe('GET /backup', () => {
  it('gives a whole backup to an operator of every namespace', async () => {
    const { status, body } = await take({ tokens }, tokens[0]!.token)
    expect(status).toBe(200)
    let bytes = 0
    for await (const piece of checkBackup(body as unknown as AsyncIterable<Uint8Array>)) bytes += piece.length
    expect(bytes).toBeGreaterThan(1_000)
  })

  it.each([
    ['without a token', undefined, 401],
    ['with the token of a service', tokens[2]!.token, 403],
    ['with a token that does not open every namespace', tokens[1]!.token, 403],
  ])('is refused %s', async (_, token, status) => {
    const answer = await take({ tokens }, token)
    expect([answer.status, ((await answer.json()) as Problem).code]).toEqual([
      status,
      status === 401 ? 'unauthenticated' : 'forbidden',
    ])
  })

  it('of a store in memory says that there is none', async () => {
    const answer = await take({ engine: 'memory' })
    expect([answer.status, ((await answer.json()) as Problem).detail]).toEqual([
      400,
      expect.stringContaining('in memory'),
    ])
  })

  it('that its reader gives up leaves nothing on the disk, and the server stops in good order', async () => {
    const { body } = await take({})
    await body!.cancel()
    await server!.stop()
    expect((await readdir(path)).filter((name) => name.startsWith('copy.'))).toEqual([])
  })
})
