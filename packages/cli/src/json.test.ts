import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from './command.fixture.ts'
import { createProgram } from './program.ts'
import { leaves, runAtTerminal } from './terminal.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

/** Every command but those that print no data of their own, in an order in which each has something to say. */
const lines: readonly (readonly [command: string, ...words: string[]])[] = [
  ['topics create', 'a.b'],
  ['topics list'],
  ['topics show', 'a.b'],
  ['subscriptions create', 'm.x', '--topic', 'a.b', '--from', 'beginning'],
  ['subscriptions list'],
  ['subscriptions show', 'm.x'],
  ['publish', 'a.b', '{ "n":\n9223372036854775807 }', '--id', '1', '--key', 'k'],
  ['topics read', 'a.b'],
  ['consume', 'm.x'],
  ['explain', 'm.x', 'operator', '1'],
  ['trace', 'a.b', 'k'],
  ['subscriptions stats', 'm.x'],
  ['subscriptions pause', 'm.x'],
  ['subscriptions resume', 'm.x'],
  ['subscriptions seek', 'm.x', 'beginning', '--dry-run'],
  ['subscriptions push set', 'm.x', 'http://127.0.0.1:9/hook', '--timeout-ms', '500'],
  ['subscriptions push show', 'm.x'],
  ['subscriptions push resume', 'm.x'],
  ['subscriptions push remove', 'm.x', '--yes'],
  ['dead-letters redrive', 'm.x', '--all', '--dry-run'],
  ['schedules put', 'operator.hourly', 'a.b', '0 * * * *'],
  ['schedules list'],
  ['schedules remove', 'operator.hourly'],
  ['redrives start', 'm.x', '--dry-run'],
  ['redrives list', 'm.x'],
  ['audit'],
  ['asyncapi', 'a'],
  ['contracts'],
  ['services replace', 'a', 'second', '--dry-run'],
  ['doctor'],
  ['subscriptions remove', 'm.x', '--yes'],
  ['topics erase', 'a.b', 'k', '--yes'],
  ['topics remove', 'a.b', '--yes'],
]

describe('--json', () => {
  test.each(lines)('%s: stdout is JSON, a document a line', async (command, ...words) => {
    const { code, stdout, stderr } = await runAtTerminal([...command.split(' '), ...words, '--json', '--quiet'], {
      variables: { TIDINGS_URL: bench.server.url },
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(jsonLines(stdout).length).toBeGreaterThan(0)
  })

  test('is spoken by every command', () => {
    const { stdin, stdout, stderr } = process
    const all = leaves(createProgram({ terminal: { stdin, stdout, stderr, env: {} }, exitCode: 0 }))
    // The server's line, streams of events and what is done to positions have tests of their own; a script for a shell is no JSON.
    const streams = ['alarms', 'dead-letters list', 'scheduled list']
    const ofPositions = [
      'dead-letters discard',
      'dead-letters replace',
      'redrives stop',
      'scheduled cancel',
      'subscriptions wake',
    ]
    const elsewhere = [
      'server',
      'dev',
      'verify',
      ...['start', 'follow', 'status', 'compare', 'switch', 'back', 'finish', 'abandon'].map(
        (each) => `extract ${each}`,
      ),
      ...['push', 'plan', 'add', 'check'].map((each) => `contract ${each}`),
      'relay',
      'backup',
      'restore',
      'move',
      'completion',
      ...streams,
      ...ofPositions,
    ]
    expect(
      lines
        .map(([command]) => command)
        .concat(elsewhere)
        .sort(),
    ).toEqual(all.toSorted())
  })
})

test('--quiet leaves out what is neither data nor a warning', async () => {
  const line = ['topics', 'list', '--namespace', 'blue']
  const variables = { TIDINGS_URL: bench.server.url }
  const said = await runAtTerminal(line, { variables })
  expect(said).toEqual({ code: 0, stdout: '', stderr: expect.stringContaining('tidings topics create') })
  expect(await runAtTerminal([...line, '--quiet'], { variables })).toEqual({ code: 0, stdout: '', stderr: '' })
})
