import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { openBench } from './command.fixture.ts'
import { jsonLine } from './json.ts'
import { Output } from './output.ts'
import { runAtTerminal } from './terminal.fixture.ts'
import { duration, eventLine, payload, table, visible } from './text.ts'

const encoder = new TextEncoder()

describe('colors', () => {
  test.each([
    ['a terminal', [], true, {}, true],
    ['a pipe', [], false, {}, false],
    ['NO_COLOR', [], true, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', [], true, { NO_COLOR: '' }, true],
    ['--no-color', ['--no-color'], true, { FORCE_COLOR: '1' }, false],
    ['FORCE_COLOR', [], false, { FORCE_COLOR: '1' }, true],
    ['FORCE_COLOR=0', [], true, { FORCE_COLOR: '0' }, false],
    ['NO_COLOR and FORCE_COLOR', [], true, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    ['a dumb terminal', [], true, { TERM: 'dumb' }, false],
  ])('%s', async (_, words, isTTY, variables, colored) => {
    const { stderr } = await runAtTerminal(['nonsense', ...words], { isTTY, variables })
    expect(stderr.includes('\u001b[')).toBe(colored)
  })
})

describe('questions', () => {
  test.each([
    ['y\n', [], 0, false],
    ['yes\n', [], 0, false],
    ['n\n', [], 1, true],
    ['\n', [], 1, true],
    ['', [], 1, true],
    ['y\n', ['--no-input'], 2, true],
  ])('answered %j with %j', async (typed, words, expected, kept) => {
    await using bench = await openBench()
    await bench.broker.putTopic(bench.caller, { topic: 'a.b', kind: 'event', owner: 'a' })
    const variables = { TIDINGS_URL: bench.server.url }
    const { code, stderr } = await runAtTerminal(['topics', 'remove', 'a.b', ...words], {
      isTTY: true,
      typed,
      variables,
    })
    expect(code).toBe(expected)
    if (expected === 1) expect(stderr).toContain('Nothing was changed.')
    const topics = (await bench.broker.topics(bench.caller)).filter(({ owner }) => owner !== 'tidings')
    expect(topics).toHaveLength(kept ? 1 : 0)
  })

  test('are not asked of somebody who has to type a payload', async () => {
    const { code, stderr } = await runAtTerminal(['publish', 'a.b', '--type', 't'], { isTTY: true })
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('There is no payload') })
  })
})

describe('progress', () => {
  test.each([
    ['a terminal', true, {}, true],
    ['a pipe', false, {}, false],
    ['--quiet', true, { quiet: true }, false],
    ['--json', true, { json: true }, false],
  ])('%s', (_, isTTY, options, shown) => {
    const [stdin, stdout, stderr] = [0, 1, 2].map(() => Object.assign(new PassThrough(), { isTTY }))
    const terminal = { stdin: stdin!, stdout: stdout!, stderr: stderr!, env: {} }
    const output = new Output(terminal, { json: false, quiet: false, color: false, ...options })
    output.progress('7 of 9')
    output.endProgress()
    output.note('said')
    const said = (stderr!.read() as Buffer | null)?.toString() ?? ''
    expect(said.includes('7 of 9')).toBe(shown)
    expect(said.includes('said')).toBe(!('quiet' in options))
    expect(stdout!.read()).toBeNull()
  })
})

describe('text for people', () => {
  test('visible() shows what would drive a terminal or turn a text around', () => {
    expect(visible('a\u001b[2J\n\t\u0007\u009b\u202eb ü 日本 👩‍💻')).toBe(
      'a\\u001b[2J\\n\\t\\u0007\\u009b\\u202eb ü 日本 👩‍💻',
    )
  })

  test('payload() is one line, and says what it is where it is no text', () => {
    const event = { id: '1', source: 's', type: 't' }
    expect(payload(event)).toBe('(no payload)')
    expect(payload({ ...event, data: encoder.encode('{\n  "a": 1\n}') })).toBe('{ "a": 1 }')
    expect(payload({ ...event, datacontenttype: 'image/png', data: Uint8Array.of(255, 0) })).toBe(
      '(2 bytes of image/png)',
    )
    expect(eventLine({ position: 'p.1', event })).toBe('p.1  t  -  (no payload)')
  })

  test('duration() names the two largest units', () => {
    const shown = [0, 999, 1_000, 61_000, 3_600_000, 90_061_000].map(duration)
    expect(shown).toEqual(['0 ms', '999 ms', '1 s', '1 min 1 s', '1 h', '1 d 1 h'])
  })

  test('table() has columns', () => {
    expect(
      table(
        ['A', 'B'],
        [
          ['long', 'x'],
          ['s', 'y'],
        ],
      ),
    ).toBe('A     B\nlong  x\ns     y')
  })
})

test('jsonLine() writes one line, with the payload of an event as it stands', () => {
  const data = encoder.encode('{\n"n": 9223372036854775807,\r\n"s": "a\\nb"}')
  const line = jsonLine({
    position: 'p',
    replay: undefined,
    event: { id: '1', source: 's', type: 't', data },
    list: [1, null],
  })
  expect(line).toBe(
    '{"position":"p","event":{"specversion":"1.0","id":"1","source":"s","type":"t","data":{ "n": 9223372036854775807, "s": "a\\nb"}},"list":[1,null]}',
  )
})
