import { tableOf } from '@tidings/tools/table'
import { routes } from 'tidings/protocol'
import { expect, test } from 'vitest'
import type { TidingsCommand } from './command.ts'
import { createProgram } from './program.ts'

const actions = tableOf('docs/guides/operating.md', 'over HTTP')
/** What only consumers and publishers ask for, and what `verify --repair` writes down. */
const notOperators = new Set(['producer', 'renew', 'latest', 'follow', 'noteRepair'])
/** What is done where a server or a database runs, and no business of HTTP. */
const local = new Set(['server', 'dev', 'verify', 'extract', 'relay', 'restore', 'move', 'completion', 'complete'])

test('every action of the HTTP API is a command, and the guide says which', () => {
  const told = new Set(actions.map(([request]) => request))
  const missing = Object.entries(routes)
    .filter(([name]) => !notOperators.has(name))
    .map(([, { method, path }]) => `${method} ${path}`)
    .filter((request) => !told.has(request))
  expect(missing).toEqual([])
})

test('every command that asks a server is in the guide, and those in the guide exist', () => {
  const { stdin, stdout, stderr } = process
  const program = createProgram({ terminal: { stdin, stdout, stderr, env: {} }, exitCode: 0 })
  const commands = leaves(program).filter((name) => !local.has(name.split(' ')[0]!))
  const told = actions.map(([, command = '']) => command.replaceAll(/^tidings | --.*$/g, ''))
  expect([...new Set(told)].toSorted()).toEqual(commands.toSorted())
})

function leaves(command: TidingsCommand): readonly string[] {
  const below = command.commands as readonly TidingsCommand[]
  return below.length === 0 ? [command.path.replace(/^tidings ?/, '')] : below.flatMap(leaves)
}
