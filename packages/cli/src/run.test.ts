import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench } from './command.fixture.ts'
import { leaves, runAtTerminal } from './terminal.fixture.ts'
import { commandVersion } from './version.ts'
import { createProgram } from './program.ts'

const { stdin, stdout, stderr } = process
const terminal = { stdin, stdout, stderr, env: {} }
let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

test('a command loads no more than it needs: no server, no store, no client of a database, no validator', async () => {
  const list = join(bench.folder, 'list-modules.cjs')
  const told = 'process.on("exit", () => console.log(JSON.stringify(Object.keys(require.cache))))'
  writeFileSync(list, told)
  const { code, stdout } = await bench.run(['topics', 'list'], { variables: { NODE_OPTIONS: `--require ${list}` } })
  expect(code).toBe(0)
  const modules = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as string[]
  const packages = modules.map((path) => /.*node_modules\/((@[^/]+\/)?[^/]+)/.exec(path)?.[1]).filter(Boolean)
  // The list itself shows that modules are seen.
  expect(modules).toContain(list)
  expect([...new Set(packages)]).toEqual(['commander'])
})

describe('wrong arguments end with exit code 2 and one line that helps', () => {
  test.each([
    ['topcis list', /unknown command 'topcis' \(Did you mean topics\?\)\. See: tidings --help/],
    ['topics lst', /unknown command 'lst' \(Did you mean list\?\)\. See: tidings topics --help/],
    ['topics', /tidings topics needs one of: list, create, show, read, erase, remove\. See: tidings topics --help/],
    ['topics list --jsn', /unknown option '--jsn' \(Did you mean --json\?\)\. See: tidings topics list --help/],
    ['topics list more', /too many arguments for 'list'/],
    ['topics show', /missing required argument 'topic'/],
    ['topics create a.b --kind enity', /--kind <kind>.*enity.*Allowed choices are entity, event, task/],
    ['topics create NO!', /"NO!" is not a topic name/],
    ['consume a.b --max 0', /--max <count>.*whole number from 1 to/],
    ['consume a.b --max 1e3', /--max <count>.*whole number from 1 to/],
    ['consume a.b --follow', /--follow needs --ack/],
    ['publish a.b {} --file x', /an argument and --file; choose one/],
    ['publish a.b --ndjson --events', /--ndjson and --events exclude each other/],
    ['publish a.b --ndjson --id x', /--id-field/],
    ['publish a.b --events --key x', /leave out --key/],
    ['publish a.b --ndjson {}', /reads lines from --file or from stdin/],
    ['publish a.b {} --type t --attribute x', /--attribute must look like name=value/],
    ['publish a.b --type t --file nowhere.json', /nowhere\.json cannot be read .*check --file/],
    ['publish a.b --type t', /The payload is empty/],
    ['subscriptions create a.b --from end', /--topic <topic>/],
    ['subscriptions create a.b --topic c.d', /--from: "beginning", "end" or a position/],
    ['dead-letters redrive a.b', /by their positions, or --all/],
    ['dead-letters redrive a.b 1.1 --all', /by their positions, or --all/],
    ['completion tcsh', /Allowed choices are bash, zsh, fish/],
    ['server --port 70000', /--port <port>.*whole number from 0 to 65,535/],
    ['server --url http://localhost', /has no --url/],
    ['topics list --url nonsense', /"nonsense" is not the address of a server/],
    ['topics list --namespace a --namespace b', /one namespace, not in a and b/],
    ['topics list --config nowhere.json', /settings file nowhere\.json cannot be read/],
  ])('tidings %s', async (line, message) => {
    const { code, stdout, stderr } = await runAtTerminal(line.split(' '), {
      variables: { TIDINGS_URL: bench.server.url },
    })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})

test('a wrong argument ends the real process the same way', async () => {
  const { code, stdout, stderr } = await bench.run(['topics', 'lst'])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toBe("error: unknown command 'lst' (Did you mean list?). See: tidings topics --help\n")
})

test('an error of the broker ends with exit code 1 and says what to type next', async () => {
  expect(await bench.run(['topics', 'show', 'no.such'])).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^error: There is no topic no\.such .*\n.*tidings topics list/),
  })
})

test('a server that is not there is said with its address and with what to start', async () => {
  const { code, stderr } = await bench.run(['topics', 'list', '--url', 'http://127.0.0.1:65534'])
  expect(code).toBe(1)
  expect(stderr).toMatch(/http:\/\/127\.0\.0\.1:65534 is out of reach[\s\S]*tidings server/)
})

test('with --json an error is one JSON document on stderr', async () => {
  const { code, stdout, stderr } = await bench.run(['--json', 'topics', 'show', 'no.such'])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(jsonLines(stderr)).toEqual([
    {
      error: {
        code: 'topic-unknown',
        message: expect.stringContaining('no.such'),
        hint: expect.any(String),
        retryable: false,
        details: expect.any(Object),
      },
    },
  ])
  const usage = await bench.run(['topcis', '--json'])
  expect(jsonLines(usage.stderr)).toMatchObject([{ error: { code: 'usage' } }])
  expect(usage.code).toBe(2)
})

test('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(commandVersion).toBe(version)
  expect(await bench.run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

describe('help', () => {
  test('is what a bare tidings shows', async () => {
    const bare = await bench.run([])
    expect(bare).toEqual(await bench.run(['--help']))
    expect(bare).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('Usage: tidings') })
  })

  test.each(leaves(createProgram({ terminal, exitCode: 0 })))(
    'of %s shows examples before anything else, and the common options',
    async (path) => {
      const { code, stdout } = await runAtTerminal([...path.split(' '), '--help'])
      expect(code).toBe(0)
      const [examples, usage, common] = ['Examples:', 'Usage:', 'Common options:'].map((title) => stdout.indexOf(title))
      expect(examples).toBeGreaterThan(0)
      expect(usage).toBeGreaterThan(examples!)
      expect(common).toBeGreaterThan(usage!)
      expect(stdout).toContain(`tidings ${path.split(' ')[0]}`)
      expect(stdout).toContain('--json')
    },
  )

  test('says nothing of the command that completion scripts ask', async () => {
    expect((await bench.run(['--help'])).stdout).not.toMatch(/^ {2}complete /m)
    expect((await bench.run(['topics'])).stderr).not.toContain('complete')
  })
})
