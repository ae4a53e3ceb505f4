import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { notRun } from '@tidings/tools/not-run'
import { expect, test } from 'vitest'
import { findPython, standardLibraryOnly } from '../../tidings/python.ts'

test('analytics in Python keeps its promises, with the standard library alone', (context) => {
  const python = findPython()
  if (!python) notRun(context, { part: 'python3', reason: 'there is no python3', help: 'apt-get install python3' })
  const here = fileURLToPath(new URL('.', import.meta.url))
  const words = [...standardLibraryOnly, '-m', 'unittest', 'analytics_test']
  const { stderr } = spawnSync(python.program, words, { cwd: here, encoding: 'utf8' })
  expect(stderr).toMatch(/^OK$/m)
})
