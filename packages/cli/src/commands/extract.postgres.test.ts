import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { jsonLines, openBench, type Bench } from '../command.fixture.ts'
import { extractBench, playExtraction, tables } from '../extract/extract.fixture.ts'

// Many processes of a command each, on a machine that may have other things to do.
vi.setConfig({ testTimeout: 600_000 })

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

test('there, back and there again, with writers on both sides and kills of everything: no acknowledged write is lost', async (context) => {
  await playExtraction(bench, context, 1)
})

test('an interruption says what stands, what holds and what to type, with an exit code of its own; all of it is JSON too', async (context) => {
  const extract = await extractBench(bench, context)
  const following = extract.start('start', ...tables)
  await following.printed(/^following/m)
  following.child.kill('SIGINT')
  const interrupted = await following.ended
  expect(interrupted.code).toBe(5)
  expect(interrupted.stderr).toMatch(
    /Half way: the extraction \S+ is following\. The old tables are written as ever\.(.|\n)*Nobody follows, so that PostgreSQL keeps its log: .* for the slot tidings_extract_(.|\n)*To go on: tidings extract follow\n.*tidings extract status\n.*tidings extract abandon/,
  )
  const status = await extract.run('status', '--json')
  expect(jsonLines(status.stdout)).toMatchObject([
    { state: 'following', followed: false, written: { old: true, new: false }, next: 'compare' },
  ])
  expect(await extract.run('status')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^followed +by nobody/m) })
  const compared = await extract.run('compare', '--json', '--patience', '1')
  expect(jsonLines(compared.stdout).at(-1)).toMatchObject({ equal: true, source: 2240, orphans: 0 })
  const asked = await extract.run('switch')
  expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining('Say --yes if you want that') })
  const switched = await extract.run('switch', '--yes', '--json')
  expect(jsonLines(switched.stdout)).toMatchObject([{ state: 'switched', stoppedMs: expect.any(Number) }])
  const wrong = await extract.run('abandon', '--yes', '--json')
  expect([wrong.code, jsonLines(wrong.stderr.slice(wrong.stderr.indexOf('{')))]).toMatchObject([
    2,
    [{ error: { code: 'bad-request', message: expect.stringContaining('is switched, in which "abandon"') } }],
  ])
  const back = await extract.run('back', '--yes', '--json')
  expect(jsonLines(back.stdout)).toMatchObject([{ state: 'following' }])
  const abandoned = await extract.run('abandon', '--yes', '--json')
  expect([abandoned.code, jsonLines(abandoned.stdout)]).toEqual([0, [{ state: 'abandoned' }]])
})

test('what is wrong on the command line is said in one line', async (context) => {
  const extract = await extractBench(bench, context)
  const url = 'postgres://nobody@127.0.0.1:1/shop'
  const lines: readonly (readonly [words: string, code: number, said: RegExp])[] = [
    ['start', 2, /Say which tables: --table/],
    ['start --table a=b=c', 2, /two names with = between them/],
    ['start --table nowhere', 2, /no table nowhere/],
    ['switch --limit soon', 2, /a span from 100 ms/],
    ['compare --patience no', 2, /a number from 0/],
    ['follow', 2, /There is no extraction/],
    ['abandon --yes', 2, /There is no extraction/],
    ['status', 1, /There is no extraction .* "tidings extract start" begins one/],
    [`status --to ${url}`, 1, /out of reach|ECONNREFUSED/],
    ['status --to mysql://x/y', 2, /needs the address of a PostgreSQL/],
    ['status --name Not-this', 2, /cannot name an extraction/],
    ['nonsense', 2, /tidings extract --help/],
  ]
  for (const [words, code, said] of lines) {
    const result = await extract.run(...words.split(' '))
    expect([words, result.code, result.stderr]).toEqual([words, code, expect.stringMatching(said)])
  }
})
