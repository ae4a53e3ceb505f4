import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client, type DatabaseError } from 'pg'
import { expect, test, type TestContext } from 'vitest'
import { chinook, sharedDatabase, type SharedDatabase } from '../testing/chinook.ts'
import { blocksOf, matchesExpected } from './blocks.ts'

const root = join(import.meta.dirname, '../..')
const blocks = blocksOf(readFileSync(join(root, 'docs/guides/taking-a-table-out.md'), 'utf8'))
const command = join(root, 'packages/cli/bin/tidings.js')

/** What follows a block that is typed. */
function promised(line: string): string {
  const place = blocks.findIndex(({ text }) => text.includes(line))
  return blocks[place + 1]!.text
}

const typed = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap(({ text }) => text.split('\n'))
  .filter((line) => line.startsWith('tidings '))

const tables = blocks.find(({ language, text }) => language === 'sql' && text.startsWith('create table'))!.text

interface Guide {
  readonly old: SharedDatabase
  readonly new: SharedDatabase
  readonly environment: NodeJS.ProcessEnv
}

async function guide(context: TestContext): Promise<Guide> {
  if (!existsSync(join(root, 'packages/cli/dist/index.js'))) throw new Error('Run "npm run build" first.')
  const [old, present] = [await sharedDatabase(context, chinook()), await sharedDatabase(context, tables)]
  const environment = { ...process.env, TIDINGS_FROM: old.url, TIDINGS_TO: present.url }
  return { old, new: present, environment }
}

async function run({ environment }: Guide, line: string): Promise<string> {
  const words = line.split(' ').slice(1)
  const { stdout } = await promisify(execFile)(process.execPath, [command, ...words], { env: environment })
  return stdout
}

/** Runs a line that ends by being interrupted, once it has printed something. */
async function until({ environment }: Guide, line: string, pattern: RegExp): Promise<{ stdout: string; stop(): void }> {
  const child: ChildProcess = spawn(process.execPath, [command, ...line.split(' ').slice(1)], { env: environment })
  let stdout = ''
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`It ended with ${code}: ${stdout}`)))
    child.stderr!.resume()
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      if (pattern.test(stdout)) resolve({ stdout, stop: () => child.kill('SIGTERM') })
    })
  })
}

test('the guide to taking a table out does what it says', { timeout: 240_000 }, async (context) => {
  const [start, compare, switching, back, again, finish] = typed as [string, string, string, string, string, string]
  const extract = await guide(context)
  // Each of the two may come before the other is looked at.
  const following = await until(extract, start, /following: .*\n/)
  context.onTestFinished(() => following.stop())
  const lines = promised(start).trim().split('\n').slice(1)
  for (const shown of following.stdout.trim().split('\n')) expect(lines).toContain(shown)
  expect(matchesExpected(promised(compare), await run(extract, compare))).toBe(true)
  expect(matchesExpected(promised(switching), await run(extract, switching))).toBe(true)
  const writer = new Client({ connectionString: extract.old.url })
  await writer.connect()
  context.onTestFinished(() => writer.end())
  const refused = (await writer.query('delete from playlist').catch((error: Error) => error)) as DatabaseError
  expect(refused.code).toBe('25006')
  const { host, pathname } = new URL(extract.new.url)
  const said = `ERROR:  ${refused.message}\nHINT:  ${refused.hint}\n`
    .replace(`${host}${pathname}`, '127.0.0.1/playlists')
    .replace(pathname.slice(1), 'playlists')
  expect(blocks.map(({ text }) => text)).toContain(said)
  await extract.new.writers.query("insert into playlist (name) values ('Guide')")
  expect(matchesExpected(promised(back), await run(extract, back))).toBe(true)
  const { rows } = await extract.old.writers.query("select playlist_id from playlist where name = 'Guide'")
  expect(rows).toEqual([{ playlist_id: 19 }])
  await run(extract, again)
  expect(matchesExpected(promised(finish), await run(extract, finish))).toBe(true)
})
