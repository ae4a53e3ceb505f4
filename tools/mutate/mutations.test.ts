import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'
import { expect, it } from 'vitest'
import { mutations } from './mutations.mjs'

const root = join(import.meta.dirname, '../..')

it.each(mutations)('has a line to take out, and tests that must notice: $promise', ({ file, from, to, tests }) => {
  const source = readFileSync(join(root, file), 'utf8')
  expect(source.split(from)).toHaveLength(2)
  expect(tests.filter((test) => !existsSync(join(root, test)))).toEqual([])
  // A file that nobody can read turns every test red and proves nothing.
  const { errors } = parseSync(
    file,
    source.replace(from, () => to),
  )
  expect(errors).toEqual([])
})
