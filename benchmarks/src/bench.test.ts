import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeEach, expect, onTestFinished, test } from 'vitest'

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const bench = (...words: string[]) => promisify(execFile)(process.execPath, [program, ...words])

beforeEach(() => {
  if (!existsSync(program)) throw new Error('benchmarks is not built; run npm run build first.')
})

test('a workload is measured in a driver of its own, and its page can be written again without measuring', async () => {
  const out = await mkdtemp(join(tmpdir(), 'bench-'))
  onTestFinished(() => rm(out, { recursive: true }))
  await bench('--only', 'W10', '--quick', '--peers', 'none', '--out', out)
  expect((await readdir(out)).sort()).toEqual(['README.md', 'W10.json', 'charts'])
  const page = await readFile(join(out, 'README.md'), 'utf8')
  expect(page).toContain('| tidings-embedded |')
  expect(page).toMatch(/^\| embedded, in one process \| [\d.,e-]+ \| [\d,.]+ \|/m)
  expect(page).toContain('(charts/w10-1-1.svg)')
  expect(await readFile(join(out, 'charts/w10-1-1.svg'), 'utf8')).toContain('Taking one event')
  expect(page).not.toContain(tmpdir())

  await rm(join(out, 'README.md'))
  await bench('--render', '--out', out)
  expect(await readFile(join(out, 'README.md'), 'utf8')).toBe(page)

  const result = JSON.parse(await readFile(join(out, 'W10.json'), 'utf8')) as object
  await writeFile(join(out, 'W10.json'), JSON.stringify({ ...result, version: 0 }))
  await expect(bench('--render', '--out', out)).rejects.toMatchObject({
    code: 1,
    stderr: /has version 0.*measure it again/,
  })
}, 240_000)

test('words that it does not know are refused, without a stack', async () => {
  const refused = await bench('--only', 'W99').catch((error: { code: number; stderr: string }) => error)
  expect(refused).toMatchObject({ code: 1 })
  expect((refused as { stderr: string }).stderr).toMatch(
    /^There is no workload W99; there are AUDIT, W1, .*\nnpm run bench/,
  )
}, 120_000)
