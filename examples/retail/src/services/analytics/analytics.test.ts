import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { findPython } from '../../tidings/python.ts'

test('analytics in Python keeps its promises, where the machine has Python', () => {
  const python = findPython()
  const here = fileURLToPath(new URL('.', import.meta.url))
  const { stderr } = python
    ? spawnSync(python.program, ['-B', '-m', 'unittest', 'analytics_test'], { cwd: here, encoding: 'utf8' })
    : { stderr: 'OK' } // The same team runs in TypeScript there.
  expect(stderr).toMatch(/^OK$/m)
})
