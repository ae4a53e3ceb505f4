import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { emptyFolder, execute } from '../docs/document-run.ts'

const lock = { name: 'clone', lockfileVersion: 3, requires: true, packages: { '': { name: 'clone' } } }

/** A clone of a project without dependencies, with the real set-up in it. */
function clone(name: string): { readonly folder: string; setUp(): Promise<string>; writeLock(version: string): void } {
  const folder = emptyFolder(`setup/${name}`)
  mkdirSync(join(folder, 'tools/setup'), { recursive: true })
  copyFileSync(join(import.meta.dirname, 'setup.mjs'), join(folder, 'tools/setup/setup.mjs'))
  const writeLock = (version: string): void => {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'clone', version }))
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ ...lock, version }))
  }
  writeLock('1.0.0')
  return {
    folder,
    writeLock,
    async setUp() {
      const { status, output } = await execute(process.execPath, ['tools/setup/setup.mjs', '--no-build'], folder)
      return `${status} ${output.includes('Installing dependencies') ? 'installs' : 'leaves it'}`
    },
  }
}

test('set-up installs what a fresh clone lacks, and nothing the second time', async () => {
  const { setUp } = clone('fresh')
  expect(await setUp()).toBe('0 installs')
  expect(await setUp()).toBe('0 leaves it')
})

test('set-up installs again when the lock file has changed', async () => {
  const { setUp, writeLock } = clone('outdated')
  await setUp()
  writeLock('1.0.1')
  expect(await setUp()).toBe('0 installs')
  expect(await setUp()).toBe('0 leaves it')
})

test.each([
  ['20.18.3', 1],
  ['18.20.8', 1],
  ['20.19.0', 0],
  ['22.0.0', 0],
])('set-up on Node %s ends with %i: 20.19 is the floor', async (version, status) => {
  const { folder, setUp } = clone('floor')
  await setUp()
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  const parameters = ['--import', `data:text/javascript,${pretend}`, 'tools/setup/setup.mjs', '--no-build']
  const outcome = await execute(process.execPath, parameters, folder)
  expect(outcome.status, outcome.output).toBe(status)
  if (status === 1) expect(outcome.output).toContain(`Tidings needs Node 20.19 or later; this is ${version}.`)
})

test('set-up fails, and is tried again, when the installation fails', async () => {
  const { folder, setUp, writeLock } = clone('failing')
  writeFileSync(join(folder, 'package-lock.json'), 'not a lock file')
  expect(await setUp()).toBe('1 installs')
  expect(await setUp()).toBe('1 installs')
  writeLock('1.0.2')
  expect(await setUp()).toBe('0 installs')
})
