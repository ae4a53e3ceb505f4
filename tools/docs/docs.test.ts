import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { notRun } from '@tidings/tools/not-run'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blocksOf, fileOf, matchesExpected, type Block } from './blocks.ts'
import { compile, emptyFolder, runBlock, writeFiles } from './document-run.ts'
import { ownAddress, serve, type Served } from './serve.ts'

/** Longer than what one block may take. */
const limitMs = 90_000
const root = join(import.meta.dirname, '../..')
const inside = ['docs/guides', 'docs/reference'].flatMap((folder) =>
  existsSync(join(root, folder)) ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`) : [],
)

const documents = ['README.md', ...inside]
  .map((path) => ({ path, blocks: blocksOf(readFileSync(join(root, path), 'utf8')) }))
  .filter(({ blocks }) => blocks.some((block) => block.language === 'ts' || block.run))

/** The first program that the commands of a document need and this machine lacks. */
function missingProgram(blocks: readonly Block[]): string | undefined {
  const scripts = blocks.filter(({ language, run }) => language === 'sh' && run).map(({ text }) => text)
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return ['curl', 'jq'].find(
    (program) =>
      scripts.some((text) => new RegExp(`\\b${program}\\b`).test(text)) &&
      !folders.some((folder) => existsSync(join(folder, program))),
  )
}

describe.each(documents)('$path', ({ path, blocks }) => {
  const folder = emptyFolder(`docs/${path.replaceAll(/\W/g, '-')}`)
  writeFiles(blocks, folder)
  const missing = missingProgram(blocks)
  const served: Served[] = []
  let variables: Record<string, string> = {}
  beforeAll(async () => {
    if (blocks.some((block) => block.serve)) variables = await ownAddress()
  })
  afterAll(() => served.forEach((each) => each.end()))

  test('its code is right in its types', async () => {
    expect(await compile(folder)).toMatchObject({ status: 0, output: '' })
  })

  test.for(blocks.filter((block) => block.run || block.serve))(
    'line $line does what the text says',
    { timeout: limitMs },
    async (block, context) => {
      if (missing !== undefined) {
        notRun(context, { part: missing, reason: `there is no ${missing}`, help: `apt-get install ${missing}` })
      }
      if (block.serve) return void served.push(await serve(block, folder, variables))
      const { status, output, printed } = await runBlock(block, folder, variables)
      expect(status, `${fileOf(block)}: ${output}`).toBe(0)
      const right = block.expected === undefined || matchesExpected(block.expected, printed)
      expect(right ? block.expected : printed).toBe(block.expected)
    },
  )
})
