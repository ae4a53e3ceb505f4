import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { jsonLines } from '../command.fixture.ts'
import { Output } from '../output.ts'
import { serverLog } from './log.ts'

function logAt(isTTY: boolean): { log: ReturnType<typeof serverLog>; said: () => string; data: () => unknown } {
  const [stdin, stdout, stderr] = [0, 1, 2].map(() => Object.assign(new PassThrough(), { isTTY }))
  const terminal = { stdin: stdin!, stdout: stdout!, stderr: stderr!, env: {} }
  const output = new Output(terminal, { json: false, quiet: true, color: false })
  return { log: serverLog(terminal, output), said: () => String(stderr!.read() ?? ''), data: () => stdout!.read() }
}

test('programs get one JSON document a line, with time, level, message and stack, on stderr', () => {
  const { log, said, data } = logAt(false)
  log.warn('the disk is full')
  log.child({}).error({ err: new Error('it broke') }, 'a request failed')
  expect(jsonLines(said())).toEqual([
    { time: expect.stringMatching(/^\d{4}-.*Z$/), level: 'warn', message: 'the disk is full' },
    {
      time: expect.any(String),
      level: 'error',
      message: 'a request failed',
      stack: expect.stringContaining('it broke'),
    },
  ])
  expect(data()).toBeNull()
})

test('people at a terminal get lines', () => {
  const { log, said } = logAt(true)
  log.warn('the disk is full')
  expect(said()).toBe('warn: the disk is full\n')
})

test('that something works is not written down', () => {
  const { log, said } = logAt(false)
  log.info('a request was answered')
  log.debug('and how')
  expect(said()).toBe('')
})
