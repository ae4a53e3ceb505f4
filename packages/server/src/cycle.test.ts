import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { openBench } from './bench.fixture.ts'

const protocol = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')

it('the commands of docs/protocol.md drive the whole cycle with curl alone', async () => {
  await using bench = await openBench()
  const script = /```sh\n([\s\S]*?)```/.exec(protocol)?.[1]
  expect(script).toContain('server=http://127.0.0.1:7070/v1/default')
  const commands = script!.replace('http://127.0.0.1:7070/v1/default', bench.base).replaceAll(/^(curl.*)/gm, 'echo; $1')
  const { stdout } = await promisify(execFile)('bash', ['-euc', commands])

  expect(stdout).toContain('"kind":"event"')
  expect(stdout).toContain('"subscription":"mail.thank-buyer"')
  expect(stdout).toMatch(/"status":"stored","position":"[^"]+","id":"o1","source":"sales"/)
  expect(stdout).toContain('"data":{ "order": "o1", "total": 9223372036854775807 }')
  expect(stdout).toMatch(/"results":\[\{"lease":"[^"]+","status":"settled"\}\]/)
  expect(stdout).toMatch(/"acknowledged":1,.*"pending":0/)
})
