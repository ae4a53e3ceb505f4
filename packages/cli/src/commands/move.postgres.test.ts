import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { postgresDatabase } from '@tidings/tools/postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

/** Runs something against a server on a store, and stops it. */
async function served<Result>(
  store: { readonly words?: readonly string[]; readonly engine?: string },
  work: (at: readonly string[]) => Promise<Result>,
): Promise<Result> {
  const variables = { TIDINGS_ENGINE: store.engine }
  const running = bench.start(['server', '--port', '0', ...(store.words ?? [])], { variables })
  const [, url = ''] = await running.printed(/listening on (\S+)\n/)
  try {
    return await work(['--url', url])
  } finally {
    running.child.kill('SIGTERM')
    await running.ended
  }
}

test('tidings move takes what a server has to PostgreSQL and back, and nothing is taken twice', async (context) => {
  const { url } = await postgresDatabase(context)
  const address = new URL(url)
  address.password ||= 'not-to-be-shown'
  const folder = { words: ['--data', 'store'] }
  const place = join(bench.folder, 'store')
  const known = `postgres://${address.host}${address.pathname}`
  await served(folder, async (at) => {
    await bench.tidings('topics', 'create', 'a.b', ...at)
    await bench.tidings('subscriptions', 'create', 'c.d', '--topic', 'a.b', '--from', 'beginning', ...at)
    for (const id of ['e1', 'e2', 'e3']) await bench.tidings('publish', 'a.b', '1', '--id', id, ...at)
    await bench.tidings('consume', 'c.d', '--max', '1', '--ack', ...at)
  })
  const moved = await bench.run(['move', '--from', 'store', '--to', address.href, '--json'])
  expect(moved).toMatchObject({ code: 0, stderr: expect.stringContaining('serves nobody any more') })
  const topics = [{ namespace: 'default', topic: 'a.b', kind: 'event', head: 3, events: 3, damaged: 0 }]
  expect(jsonLines(moved.stdout)).toMatchObject([{ from: place, to: known, resumed: false, topics, events: 3 }])
  expect(readFileSync(join(place, 'tidings.json'), 'utf8') + moved.stdout + moved.stderr).not.toContain('not-to-be')

  const habit = await bench.run(['server', '--port', '0', '--data', 'store'])
  expect(habit).toMatchObject({ code: 1, stderr: expect.stringContaining(`was moved to ${known}; use it there`) })
  const rest = await served({ engine: url }, async (at) => {
    await bench.tidings('publish', 'a.b', '1', '--id', 'e3', ...at)
    return bench.tidings('consume', 'c.d', '--max', '1', '--ack', '--json', ...at)
  })
  expect(jsonLines(rest.stdout)).toMatchObject([{ event: { id: 'e2' } }])

  expect(await bench.run(['move', '--from', url, '--to', 'store'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^NAMESPACE .*\ndefault +a\.b +event +3 +3\nmoved 1 topic with 3 events and /),
  })
  const last = await served(folder, (at) => bench.tidings('consume', 'c.d', '--max', '9', '--ack', '--json', ...at))
  expect(jsonLines(last.stdout)).toMatchObject([{ event: { id: 'e3' } }])

  const refused = await bench.run(['move', '--take-back', url])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('Say --yes if that one is lost') })
  expect(await bench.run(['move', '--take-back', url, '--yes'])).toMatchObject({ code: 0 })
  expect(await bench.run(['move', '--from', 'store', '--to', url])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is not empty: it holds topic default/a.b'),
  })
})

describe('tidings move says what is wrong', () => {
  test.each<readonly [words: readonly string[], code: number, message: string]>([
    [[], 2, 'Say from where to where: --from .data/tidings --to postgres://'],
    [['--from', 'store'], 2, 'Say from where to where'],
    [['--from', 'nowhere', '--to', 'other'], 1, 'There is no store in '],
    [['--from', 'nowhere', '--to', './nowhere'], 1, 'There is no store in '],
    [['--from', 'memory', '--to', 'other'], 2, 'it was "memory". A store in memory ends with its server'],
    [['--from', 'mysql://me:secret@db/shop', '--to', 'other'], 2, '--from needs a folder, or postgres://'],
    [['--from', 'postgres://127.0.0.1:9/shop', '--to', 'other'], 1, 'ECONNREFUSED'],
    [['--take-back', 'store', '--to', 'other', '--yes'], 2, '--take-back names the only store'],
    [['--take-back', 'nowhere', '--yes'], 1, 'There is no store in '],
    [['store', 'other'], 2, 'too many arguments'],
  ])('of %j', async (words, code, message) => {
    const ended = await bench.run(['move', ...words])
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) })
    expect(ended.stderr).not.toContain('secret')
    expect(ended.stderr.trimEnd().split('\n').length).toBeLessThan(3)
  })
})
