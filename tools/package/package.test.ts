import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blocksOf } from '../docs/blocks.ts'
import { compile, execute, runBlock, writeFiles } from '../docs/document-run.ts'
import { notRun } from '../testing/not-run.ts'

const root = join(import.meta.dirname, '../..')
const packages = ['tidings', 'server', 'cli']

/** What the README asks its reader to install beside Tidings, in the versions that the tests know. */
const broughtByTheReader = ['libsql', 'lmdb', 'zod']

const folder = mkdtempSync(join(tmpdir(), 'tidings-package-'))
const tarballs = join(folder, 'tarballs')
const project = join(folder, 'project')

beforeAll(async () => {
  const workspaces = packages.map((name) => `--workspace=packages/${name}`)
  const script = `mkdir -p ${tarballs} ${project} && npm pack --silent ${workspaces.join(' ')} --pack-destination ${tarballs}`
  const { status, output } = await execute('bash', ['-c', script], root)
  if (status !== 0) throw new Error(`npm pack failed: ${output}`)
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function tarball(name: string): string {
  const prefix = name === 'tidings' ? 'tidings-0' : `tidings-${name}-`
  return join(tarballs, readdirSync(tarballs).find((file) => file.startsWith(prefix)) ?? `${prefix}*`)
}

describe.each(packages)('the package %s', (name) => {
  test('holds its licence, no tests and no build information', async () => {
    const { output } = await execute('tar', ['-tzf', tarball(name)], root)
    const files = output.trim().split('\n')
    expect(files).toContain('package/LICENSE')
    expect(files.filter((file) => /\.test\.|\.fixture\.|tsbuildinfo|node_modules/.test(file))).toEqual([])
  })

  test('is right in the eyes of publint', async () => {
    const publint = join(root, 'node_modules/publint/src/cli.js')
    const { status, output } = await execute(process.execPath, [publint, tarball(name), '--strict'], root)
    expect(status, output).toBe(0)
  })

  test('has types that every way of importing finds', async () => {
    const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js')
    const parameters = [attw, tarball(name), '--profile', 'esm-only', '--no-definitely-typed']
    const { status, output } = await execute(process.execPath, parameters, root)
    expect(status, output).toBe(0)
  })
})

test('the quick start of the README runs in an empty folder with the packages as packed', async (context) => {
  const installed = broughtByTheReader.map((name) => `${name}@${versionOf(name)}`)
  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }\n')
  const parameters = ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages.map(tarball), ...installed]
  const installation = await execute('npm', parameters, project, { limitMs: 240_000 })
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENOTCACHED/.test(installation.output)) {
    notRun(context, { part: 'registry', reason: 'npm reaches no registry', help: 'npm ping' })
  }
  expect(installation.status, installation.output).toBe(0)

  const blocks = blocksOf(readFileSync(join(root, 'README.md'), 'utf8'))
  writeFiles(blocks, project)
  expect(await compile(project)).toMatchObject({ status: 0, output: '' })
  for (const block of blocks.filter((candidate) => candidate.run)) {
    const { status, output } = await runBlock(block, project)
    expect(status, `line ${block.line}: ${output}`).toBe(0)
  }
}, 300_000)

function versionOf(name: string): string {
  const description = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as {
    version: string
  }
  return description.version
}
