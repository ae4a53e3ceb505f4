import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench, type RunningCommand, type Surroundings } from '../command.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

const token = 'a-token-of-32-characters-for-test'

async function startServer(
  words: readonly string[],
  surroundings?: Surroundings,
): Promise<RunningCommand & { url: string }> {
  const running = bench.start(['server', '--port', '0', ...words], surroundings)
  const [, url = ''] = await running.printed(/listening on (\S+)\n/)
  return { ...running, url }
}

describe('server', () => {
  test('says where it listens, keeps what it acknowledged across SIGKILL, and stops in good order', async () => {
    const first = await startServer(['--data', 'store'])
    await bench.tidings('topics', 'create', 'a.b', '--url', first.url)
    expect(await bench.tidings('publish', 'a.b', '1', '--url', first.url)).toMatchObject({ code: 0 })
    first.child.kill('SIGKILL')
    await first.ended
    const second = await startServer(['--data', 'store'])
    const { stdout } = await bench.tidings('topics', 'read', 'a.b', '--url', second.url, '--json')
    expect(jsonLines(stdout)).toMatchObject([{ event: { data: 1 } }])
    second.child.kill('SIGTERM')
    const { code, stderr } = await second.ended
    expect(code).toBe(0)
    expect(stderr).toMatch(/The store is in .*store\.\nStopping\.\nStopped\.\n$/)
  })

  test('with --json says it for programs', async () => {
    const running = bench.start(['server', '--port', '0', '--engine', 'memory', '--namespace', 'green', '--json'])
    await running.printed(/\n/)
    running.child.kill('SIGINT')
    const { code, stdout } = await running.ended
    expect(code).toBe(0)
    expect(jsonLines(stdout)).toEqual([
      {
        url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        version: expect.any(String),
        engine: 'memory',
        namespaces: ['default', 'green'],
        pid: running.child.pid,
      },
    ])
  })

  test('takes its token from the environment, and others with their principals from a file', async () => {
    const file = join(bench.folder, 'tokens.json')
    const sales = 'another-token-of-another-service'
    writeFileSync(file, JSON.stringify([{ token: sales, principal: 'sales' }]))
    const running = await startServer(['--engine', 'memory', '--tokens', file], { variables: { TIDINGS_TOKEN: token } })
    const at = ['--url', running.url]
    expect(await bench.tidings('topics', 'list', ...at)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('TIDINGS_TOKEN'),
    })
    const operator = await bench.run(['topics', 'create', 'crm.x', '--quiet', ...at], {
      variables: { TIDINGS_TOKEN: token },
    })
    expect(operator.code).toBe(0)
    expect(await bench.tidings('topics', 'create', 'sales.y', '--token', sales, ...at)).toMatchObject({ code: 0 })
    expect(await bench.tidings('publish', 'crm.x', '1', '--token', sales, ...at)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/"sales" may not publish crm\.x/),
    })
    running.child.kill('SIGTERM')
    await running.ended
  })

  test.each([
    [['--host', '0.0.0.0'], 1, /does not listen on 0\.0\.0\.0 without tokens/],
    [['--token', 'short'], 1, /fewer than 16 characters/],
    [['--tokens', 'nowhere.json'], 2, /tokens cannot be read from nowhere\.json/],
    [['--engine', 'oracle'], 2, /"oracle" is no engine; use embedded, memory, or postgres/],
    [['--engine', 'postgres://u:secret@:x'], 2, /^(?!.*secret).*That address is no engine/s],
  ])('refuses %j', async (words, expected, message) => {
    const { code, stdout, stderr } = await bench.run(['server', '--port', '0', ...words])
    expect({ code, stdout, stderr }).toEqual({ code: expected, stdout: '', stderr: expect.stringMatching(message) })
  })

  test.each([{ user: 'x' }, { principal: 'x', namespace: ['blue'] }, { principal: 'x', namespaces: 'blue' }])(
    'refuses a tokens file with %j and never shows its secret',
    async (members) => {
      writeFileSync(join(bench.folder, 'wrong.json'), JSON.stringify([{ token, ...members }]))
      const { code, stderr } = await bench.run([
        'server',
        '--engine',
        'memory',
        '--port',
        '0',
        '--tokens',
        'wrong.json',
      ])
      expect(code).toBe(2)
      expect(stderr).toMatch(/Entry 0 of wrong\.json/)
      expect(stderr).not.toContain(token)
    },
  )

  test('says which port is taken and who holds a store', async () => {
    const { port } = new URL(bench.server.url)
    const taken = await bench.run(['server', '--engine', 'memory', '--port', port])
    expect(taken).toMatchObject({ code: 1, stderr: expect.stringMatching(/Port \d+ .* is taken[\s\S]*--port/) })
    const running = await startServer(['--data', 'held'])
    const locked = await bench.run(['server', '--port', '0', '--data', 'held'])
    expect(locked.code).toBe(1)
    expect(locked.stderr).toContain(`in use by process ${running.child.pid}`)
    running.child.kill('SIGTERM')
    await running.ended
  })
})
