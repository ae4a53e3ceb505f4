import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { notRun } from '@tidings/tools/not-run'
import { expect, test } from 'vitest'
import { emptyFolder } from './embedded.fixture.ts'

const appends = 20

/** Says before and after each call that it was made and answered, in a way that a trace of system calls shows. */
const script = `
  import { writeSync } from 'node:fs'
  import { embeddedEngine } from 'tidings/engines/embedded'
  const topic = { namespace: 'default', topic: 'crm.customer' }
  const engine = embeddedEngine({ path: process.argv[1] })
  await engine.start()
  await engine.log.create(topic, { kind: 'entity', shards: 1 })
  const ownership = await engine.ledger.own({ namespace: 'default', ledger: 'a.b', shard: 0 })
  const step = async (name, run) => {
    writeSync(1, 'asked ' + name + '\\n')
    await run()
    writeSync(1, 'answered ' + name + '\\n')
  }
  for (let number = 0; number < ${appends}; number++) {
    const event = { id: String(number), source: '/crm', type: 't', key: 'k' }
    await step('append ' + number, () => engine.log.append(topic, [{ event, shard: 0 }]))
    await step('commit ' + number, () => engine.ledger.commit(ownership, [{ key: 'k', value: String(number) }]))
  }
  await engine.stop()
`

test('every answer is given after the disk has said that it has the pages, and the page that refers to them', async (context) => {
  if (spawnSync('strace', ['-f', 'true']).status !== 0) {
    notRun(context, { part: 'strace', reason: 'system calls cannot be traced here', help: 'apt-get install strace' })
  }
  const folder = await emptyFolder()
  context.onTestFinished(() => folder.dispose())
  const trace = join(folder.path, 'trace')
  const calls = 'trace=openat,fdatasync,fsync,pwrite64,write'
  expect(await folder.run(script, { trace: ['strace', '-f', '-s', '64', '-e', calls, '-o', trace] }).ended).toBe(0)
  const lines = (await readFile(trace, 'utf8')).split('\n')
  const opened = lines.find((line) => line.includes('data.mdb"') && line.includes('O_DSYNC'))
  const synchronous = /= (\d+)$/.exec(opened!)![1]
  let audited = 0
  for (const name of Array.from({ length: appends }, (_, number) => [`append ${number}`, `commit ${number}`]).flat()) {
    const from = lines.findIndex((line) => line.includes(`"asked ${name}\\n"`))
    const to = lines.findIndex((line) => line.includes(`"answered ${name}\\n"`))
    const between = lines.slice(from, to)
    const pages = between.findIndex((line) => /fdatasync.*= 0$/.test(line))
    const reference = between.findIndex((line) => line.includes(`pwrite64(${synchronous},`))
    expect([name, pages >= 0, reference > pages]).toEqual([name, true, true])
    audited += 1
  }
  expect(audited).toBe(2 * appends)
})
