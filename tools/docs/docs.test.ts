import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { blocksOf, fileOf, matchesExpected } from './blocks.ts'
import { compile, emptyFolder, runBlock, writeFiles } from './document-run.ts'

const root = join(import.meta.dirname, '../..')
const guides = existsSync(join(root, 'docs/guides')) ? readdirSync(join(root, 'docs/guides')) : []

const documents = ['README.md', ...guides.map((name) => `docs/guides/${name}`)]
  .map((path) => ({ path, blocks: blocksOf(readFileSync(join(root, path), 'utf8')) }))
  .filter(({ blocks }) => blocks.some((block) => block.language === 'ts' || block.run))

describe.each(documents)('$path', ({ path, blocks }) => {
  const folder = emptyFolder(`docs/${path.replaceAll(/\W/g, '-')}`)
  writeFiles(blocks, folder)

  test('its code is right in its types', async () => {
    expect(await compile(folder)).toMatchObject({ status: 0, output: '' })
  })

  test.each(blocks.filter((block) => block.run))('line $line does what the text says', async (block) => {
    const { status, output, printed } = await runBlock(block, folder)
    expect(status, `${fileOf(block)}: ${output}`).toBe(0)
    const right = block.expected === undefined || matchesExpected(block.expected, printed)
    expect(right ? block.expected : printed).toBe(block.expected)
  })
})
