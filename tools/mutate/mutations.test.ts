import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { mutations } from './mutations.mjs'

const library = join(import.meta.dirname, '../../packages/tidings/src')

it.each(mutations)('has a line to take out, and tests that must notice: $promise', ({ file, from, tests }) => {
  expect(readFileSync(join(library, file), 'utf8').split(from)).toHaveLength(2)
  expect(tests.filter((test) => !existsSync(join(library, test)))).toEqual([])
})
