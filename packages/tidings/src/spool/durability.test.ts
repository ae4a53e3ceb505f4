import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { notRun } from '@tidings/tools/not-run'
import { expect, test } from 'vitest'
import { emptyFolder } from '../engines/embedded/embedded.fixture.ts'

const publishes = 20

/** Publishes to a server that is not there, and says so before and after in a way that a trace of system calls shows. */
const script = `
  import { writeSync } from 'node:fs'
  import { connect } from 'tidings'
  import { fileSpool } from 'tidings/spool'
  const spool = fileSpool({ folder: process.argv[1] + '/spool' })
  const broker = connect('http://127.0.0.1:1', { WebSocket: null, spool })
  await broker.start()
  for (let number = 0; number < ${publishes}; number++) {
    writeSync(1, 'asked ' + number + '\\n')
    const event = { id: String(number), source: 's', type: 't', key: 'k' }
    await broker.publish({ namespace: 'default', principal: 'p' }, { topic: 't', events: [{ event }] })
    writeSync(1, 'answered ' + number + '\\n')
  }
  process.exit()
`

test('publish() with a spool is answered after the disk has said that it has the event', async (context) => {
  if (spawnSync('strace', ['-f', 'true']).status !== 0) {
    notRun(context, { part: 'strace', reason: 'system calls cannot be traced here', help: 'apt-get install strace' })
  }
  const folder = await emptyFolder()
  context.onTestFinished(() => folder.dispose())
  const trace = join(folder.path, 'trace')
  const calls = 'trace=fdatasync,fsync,pwrite64,write'
  expect(await folder.run(script, { trace: ['strace', '-f', '-s', '64', '-e', calls, '-o', trace] }).ended).toBe(0)
  const lines = (await readFile(trace, 'utf8')).split('\n')
  for (let number = 0; number < publishes; number++) {
    const from = lines.findIndex((line) => line.includes(`"asked ${number}\\n"`))
    const between = lines.slice(
      from,
      lines.findIndex((line) => line.includes(`"answered ${number}\\n"`)),
    )
    const written = between.findIndex((line) => line.includes('pwrite64') && line.includes('TSP'))
    const synced = between.findLastIndex((line) => /fdatasync.*= 0$/.test(line))
    expect([number, from >= 0, written >= 0, synced > written]).toEqual([number, true, true, true])
  }
})
