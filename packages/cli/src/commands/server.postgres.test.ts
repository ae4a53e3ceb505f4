import { postgresDatabase } from '@tidings/tools/postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

test('server --engine postgres://… keeps what it acknowledged across SIGKILL, and never shows the password', async (context) => {
  const address = new URL((await postgresDatabase(context)).url)
  address.password = 'a-secret'
  const start = async (port = '0') => {
    const running = bench.start(['server', '--port', port, '--engine', address.href])
    const [, url = ''] = await running.printed(/listening on (\S+)\n/)
    return { ...running, url }
  }
  const first = await start()
  await bench.tidings('topics', 'create', 'a.b', '--url', first.url)
  expect(await bench.tidings('publish', 'a.b', '1', '--url', first.url)).toMatchObject({ code: 0 })
  first.child.kill('SIGKILL')
  await first.ended
  const second = await start(new URL(first.url).port)
  const { stdout } = await bench.tidings('topics', 'read', 'a.b', '--url', second.url, '--json')
  expect(jsonLines(stdout)).toMatchObject([{ event: { data: 1 } }])
  second.child.kill('SIGTERM')
  const { code, stderr, stdout: shown } = await second.ended
  expect(code).toBe(0)
  expect(stderr).toContain(`The store is in PostgreSQL, at ${address.host}${address.pathname}.\n`)
  expect(stderr + shown).not.toContain('a-secret')
})

test('of two servers on one database one leads and the other says for whom it stands by, until it leads', async (context) => {
  const { url: engine } = await postgresDatabase(context)
  const start = async () => {
    const running = bench.start(['server', '--port', '0', '--engine', engine])
    const [, url = ''] = await running.printed(/listening on (\S+)\n/)
    return { ...running, url }
  }
  const first = await start()
  const second = await start()
  await bench.tidings('topics', 'create', 'a.b', '--url', second.url)
  first.child.kill('SIGTERM')
  expect((await first.ended).stderr).toContain('This server leads.\n')
  await second.printed(/This server leads/)
  expect(await bench.tidings('publish', 'a.b', '1', '--url', second.url)).toMatchObject({ code: 0 })
  second.child.kill('SIGTERM')
  const { stderr } = await second.ended
  expect(stderr).toContain(`This server stands by for ${first.url}.\n`)
  expect(stderr).toContain('This server leads.\n')
})

test('server --json says where the database is, for programs', async (context) => {
  const { url } = await postgresDatabase(context)
  const running = bench.start(['server', '--port', '0', '--json'], { variables: { TIDINGS_ENGINE: url } })
  await running.printed(/\n/)
  running.child.kill('SIGINT')
  const { code, stdout } = await running.ended
  expect(code).toBe(0)
  const { host, pathname } = new URL(url)
  expect(jsonLines(stdout)).toMatchObject([{ engine: 'postgres', database: host + pathname, state: 'leads' }])
})
