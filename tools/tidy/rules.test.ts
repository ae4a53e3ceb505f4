import { expect, test } from 'vitest'
import { withoutAllowed, type Allowance } from './allowances.ts'
import { checkLinks } from './check-documents.ts'
import { checkLockFile, checkSiblings } from './check-layout.ts'
import { checkLeftovers } from './check-leftovers.ts'
import { checkSizes, longestFile, longestFunction } from './check-sizes.ts'
import { checkWords } from './check-words.ts'
import { describeDoors, exportedNames, unusedNames } from './public-names.ts'
import type { RepositoryFile } from './source.ts'

const place = 'packages/tidings/src/service/service.ts'

function file(text: string, path = place): readonly RepositoryFile[] {
  return [{ path, text }]
}

function functionOf(lines: number): string {
  return `export function long(): void {\n${'  step()\n'.repeat(lines - 2)}}\n`
}

test('a file over the limit is a problem, one at the limit is not', () => {
  expect(checkSizes(file('step()\n'.repeat(longestFile)))).toEqual([])
  expect(checkSizes(file('step()\n'.repeat(longestFile + 1)))).toEqual([expect.stringContaining('301 lines')])
})

test('a function over the limit is a problem, a chapter of tests is not', () => {
  expect(checkSizes(file(functionOf(longestFunction)))).toEqual([])
  expect(checkSizes(file(functionOf(longestFunction + 1)))).toEqual([expect.stringContaining('61 lines')])
  const steps = '  step()\n'.repeat(longestFunction)
  expect(checkSizes(file(`describe('settle()', () => {\n${steps}})\n`))).toEqual([])
  expect(checkSizes(file(`describe.each([1])('settle() %s', () => {\n${steps}})\n`))).toEqual([])
})

test('an allowance covers its own file and is reported once nothing needs it', () => {
  const allowance: Allowance = { rule: 'sizes', path: place, reason: 'One thought.' }
  expect(withoutAllowed('sizes', [`${place} has 301 lines`], [allowance])).toEqual([])
  expect(withoutAllowed('sizes', [`${place}.other has 301 lines`], [allowance])).toHaveLength(2)
  expect(withoutAllowed('sizes', [], [allowance])).toEqual([expect.stringContaining('remove its allowance')])
})

test.each([
  ['a synonym in prose', '// Each nack is counted.', place],
  ['a synonym in a document', 'The DLQ keeps it.', 'docs/guides/retry.md'],
  ['an offset where positions are spoken of', 'export const offset = 1', place],
  ['an abbreviated parameter', 'export function handle(ctx: object): object { return ctx }', place],
  ['an abbreviated constant', 'const cfg = {}', place],
  ['an abbreviated catch', 'try { step() } catch (err) { stop(err) }', place],
  ['a folder named after a kind', 'export const x = 1', 'packages/tidings/src/utils/text.ts'],
  ['filler', 'Simply start it.', 'README.md'],
  ['history', '// Previously this was slower.', place],
  ['a note to oneself', '// TODO: later', place],
])('words: refuses %s', (_what, text, path) => {
  expect(checkWords(file(text, path))).toHaveLength(1)
})

test('words: the same words are right where they belong', () => {
  expect(checkWords(file('export const offset = 1', 'packages/tidings/src/engine/port.ts'))).toEqual([])
  expect(checkWords(file('const { e } = letters\nfor (const event of events) handle(event)'))).toEqual([])
})

test.each([
  ['a cast to any', 'export const x = y as any', place],
  ['a silenced compiler', '// @ts-ignore\nstep()', place],
  ['an expected error outside tests', '// @ts-expect-error wrong on purpose\nstep()', place],
  ['a test that runs alone', "test.only('x', () => {})", 'packages/tidings/src/service/service.test.ts'],
  ['a test that does not run', "describe.skip('x', () => {})", 'packages/tidings/src/service/service.test.ts'],
  ['a test that is not written', "test.todo('x')", 'packages/tidings/src/service/service.test.ts'],
  ['a door without a list', "export * from './service.ts'", place],
  ['ambient time', 'export const at = Date.now()', place],
  ['ambient chance', 'export const chance = Math.random()', place],
  ['a path of one machine', `Run ${['', 'home', 'me', 'tidings'].join('/')}/start.sh`, 'README.md'],
])('leftovers: refuses %s', (_what, text, path) => {
  expect(checkLeftovers(file(text, path))).toHaveLength(1)
})

test('leftovers: comments may speak of time, and the environment may read it', () => {
  expect(checkLeftovers(file('/** Unlike Date.now() it only grows. */\nexport const x = 1'))).toEqual([])
  expect(checkLeftovers(file('export const at = Date.now()', 'packages/tidings/src/environment/system.ts'))).toEqual([])
  expect(checkLeftovers(file('GET /v1/default/topics', 'README.md'))).toEqual([])
})

test('links to a missing file or heading are problems; code and the web are left alone', () => {
  const files = [
    {
      path: 'README.md',
      text: '# Start here\n[a](docs/a.md) [b](docs/b.md) [c](#start-here) [d](#gone) [e](https://example.com)\n`[f](g.md)`',
    },
    { path: 'docs/a.md', text: '## The `key`, and why\n[up](../README.md#start-here) [self](#the-key-and-why)' },
  ]
  const exists = (path: string): boolean => files.some((known) => known.path === path)
  expect(checkLinks(files, exists)).toEqual([expect.stringContaining('docs/b.md'), expect.stringContaining('#gone')])
})

test('a sibling without a file of the skeleton is a problem', () => {
  const engine = (name: string, ...parts: string[]): readonly RepositoryFile[] =>
    parts.map((part) => ({ path: `packages/tidings/src/engines/${name}/${part}.ts`, text: '' }))
  const complete = engine('memory', 'engine', 'index', 'ledger', 'log', 'topic')
  expect(checkSiblings(complete)).toEqual([])
  const lacking = [...complete, ...engine('paper', 'engine', 'index', 'log')]
  expect(checkSiblings(lacking)).toEqual(['packages/tidings/src/engines/paper has no ledger.ts, as its siblings do'])
})

test('a second lock file and a registry in the lock file are problems', () => {
  const named = file('"resolved": "https://registry.example.com/a.tgz"', 'package-lock.json')
  expect(checkLockFile(named)).toEqual([expect.stringContaining('names a registry')])
  expect(checkLockFile(file('{}', 'packages/server/package-lock.json'))).toHaveLength(1)
  expect(checkLockFile(file('"resolved": "packages/server"', 'package-lock.json'))).toEqual([])
})

test('the public names of a file are its exports, types marked', () => {
  const text = "export { b, type C } from './b.ts'\nexport interface D {}\nexport const a = 1\nconst hidden = 2"
  expect(exportedNames({ path: place, text })).toEqual([
    { name: 'C', type: true },
    { name: 'D', type: true },
    { name: 'a', type: false },
    { name: 'b', type: false },
  ])
})

test('a public value that nothing shows is listed; a type is not', () => {
  const doors = [
    {
      specifier: 'tidings',
      names: exportedNames({ path: place, text: 'export const a = 1, b = 2\nexport type C = 1' }),
    },
  ]
  expect(unusedNames(doors, file("import { a } from 'tidings'", 'examples/first/main.ts'))).toEqual(['tidings: b'])
  expect(describeDoors(doors)).toContain('## tidings\n\n- C (type)\n- a\n- b\n')
})
