import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { emptyFolder, execute } from '../docs/document-run.ts'
import { notRun } from './not-run.ts'

const someTests = `
import { expect, test } from 'vitest'
import { notRun } from '@tidings/tools/not-run'

test('passes', () => {})
test('fails', () => expect(1).toBe(2))
test('lacks a part', (context) => notRun(context, { part: 'flux', reason: 'there is no flux', help: 'apt install flux' }))
test('lacks the same', (context) => notRun(context, { part: 'flux', reason: 'there is no flux', help: 'apt install flux' }))
`

/** The last line of the report of a run over `files`, what stands above it, and the exit status. */
async function runOver(
  name: string,
  files: Readonly<Record<string, string>>,
  variables = '',
): Promise<[string, string, number | null]> {
  const folder = emptyFolder(`counts/${name}`)
  // A configuration of its own, so that the one of the repository, above, is not taken.
  const all = { 'vitest.config.js': 'export default {}\n', ...files }
  for (const [file, text] of Object.entries(all)) writeFileSync(join(folder, file), text)
  const reporters = `--reporter=default --reporter=${join(import.meta.dirname, 'counts-reporter.ts')}`
  const { status, output } = await execute('bash', ['-c', `${variables} vitest run ${reporters} 2>/dev/null`], folder)
  return [output.trimEnd().split('\n').at(-1) ?? '', output, status]
}

afterEach(() => vi.unstubAllEnvs())

test('a run ends with its counts, after the reasons of what did not run', async () => {
  const [last, output, status] = await runOver('mixed', { 'some.test.ts': someTests })
  expect(last).toBe('1 passed, 1 failed, 2 skipped')
  expect(output).toContain('Not run: flux: there is no flux (try: apt install flux)\n  some.test.ts › lacks a part\n')
  expect(status).not.toBe(0)
})

test('TIDINGS_REQUIRE makes the absence of a part a failure', async () => {
  const [last] = await runOver('required', { 'some.test.ts': someTests }, 'TIDINGS_REQUIRE=python3,flux')
  expect(last).toBe('1 passed, 3 failed, 0 skipped')
})

test('a file that does not load and an error outside any test count as failures', async () => {
  const [last, , status] = await runOver('broken', {
    'broken.test.ts': 'throw new Error("does not load")',
    'stray.test.ts': "import { test } from 'vitest'\ntest('passes', () => { void Promise.reject(new Error('stray')) })",
  })
  expect(last).toBe('1 passed, 2 failed, 0 skipped')
  expect(status).not.toBe(0)
})

test('a run without tests is a failure', async () => {
  const [last, , status] = await runOver('empty', {})
  expect(last).toBe('0 passed, 1 failed, 0 skipped')
  expect(status).not.toBe(0)
})

test('notRun() requires a part that TIDINGS_REQUIRE names, and every part for "all"', () => {
  const skipped: string[] = []
  const context = {
    skip(note = ''): never {
      skipped.push(note)
      throw new Error('skipped')
    },
  }
  const missing = { part: 'python3', reason: 'there is no python3' }
  vi.stubEnv('TIDINGS_REQUIRE', '')
  expect(() => notRun(context, missing)).toThrow('skipped')
  expect(skipped).toEqual(['python3: there is no python3'])
  for (const required of ['python3', 'flux, python3', 'all']) {
    vi.stubEnv('TIDINGS_REQUIRE', required)
    expect(() => notRun(context, missing)).toThrow('TIDINGS_REQUIRE')
  }
})
