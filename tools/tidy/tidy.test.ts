import { afterAll, expect, test } from 'vitest'
import { withoutAllowed } from './allowances.ts'
import { checkLinks } from './check-documents.ts'
import { checkLayers } from './check-layers.ts'
import { checkLockFile, checkSiblings } from './check-layout.ts'
import { checkLeftovers } from './check-leftovers.ts'
import { checkSizes } from './check-sizes.ts'
import { checkWords } from './check-words.ts'
import { describeDoors, publicDoors, unusedNames } from './public-names.ts'
import { repositoryFiles } from './source.ts'

const files = repositoryFiles()

test('imports follow the table of layers', () => {
  expect(checkLayers(files)).toEqual([])
})

test('siblings share one skeleton', () => {
  expect(checkSiblings(files)).toEqual([])
})

test('files and functions are short', () => {
  expect(withoutAllowed('sizes', checkSizes(files))).toEqual([])
})

test('names and prose use the words of the glossary', () => {
  expect(withoutAllowed('words', checkWords(files))).toEqual([])
})

test('nothing is left over: no casts to any, no tests that do not run, no ambient time, no paths of one machine', () => {
  expect(withoutAllowed('leftovers', checkLeftovers(files))).toEqual([])
})

test('links between documents lead somewhere', () => {
  expect(checkLinks(files)).toEqual([])
})

test('there is one lock file and it names no registry', () => {
  expect(checkLockFile(files)).toEqual([])
})

test('the public names are those that were reviewed', async () => {
  await expect(describeDoors(publicDoors())).toMatchFileSnapshot('public-names.md')
})

// A list to work off, not a rule: printed by `npm run tidy` alone.
afterAll(() => {
  const unused = unusedNames(publicDoors(), files)
  if (unused.length === 0 || process.env['npm_lifecycle_event'] !== 'tidy') return
  console.warn(`Shown in no example, guide or README yet:\n  ${unused.join('\n  ')}`)
})
