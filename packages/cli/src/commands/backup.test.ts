import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, openBench, type Bench, type RunningCommand } from '../command.fixture.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

async function startServer(data: string): Promise<RunningCommand & { at: readonly string[] }> {
  const running = bench.start(['server', '--port', '0', '--data', data])
  const [, url = ''] = await running.printed(/listening on (\S+)\n/)
  return { ...running, at: ['--url', url] }
}

async function stop({ child, ended }: RunningCommand): Promise<void> {
  child.kill('SIGTERM')
  await ended
}

const ids = async (at: readonly string[]): Promise<unknown[]> => {
  const { stdout } = await bench.tidings('topics', 'read', 'a.b', '--json', ...at)
  return jsonLines(stdout).map((line) => (line['event'] as { id: string }).id)
}

describe('backup and restore', () => {
  test('carry what a running server has to another folder, as another life', async () => {
    const first = await startServer('first')
    await bench.tidings('topics', 'create', 'a.b', ...first.at)
    await bench.tidings('publish', 'a.b', '1', '--id', 'e1', ...first.at)
    await mkdir(join(bench.folder, 'backups'))
    const taken = await bench.run(['backup', 'backups', '--json', ...first.at])
    const [{ file = '' } = {}] = jsonLines(taken.stdout) as { file?: string }[]
    expect(readdirSync(join(bench.folder, 'backups')).map((name) => join('backups', name))).toEqual([file])
    const [before] = jsonLines((await bench.tidings('topics', 'show', 'a.b', '--json', ...first.at)).stdout)
    await stop(first)

    const restored = await bench.run(['restore', file, '--data', 'second'])
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringMatching(/second holds the 1 topics of 20/) })
    const second = await startServer('second')
    expect(await ids(second.at)).toEqual(['e1'])
    const head = String(before?.['head'])
    const stale = await bench.tidings('topics', 'read', 'a.b', '--after', head, '--json', ...second.at)
    expect(jsonLines(stale.stderr)).toMatchObject([{ error: { code: 'position-unknown' } }])
    await stop(second)
  })

  test('work on a store whose server was stopped, and not beside one that runs', async () => {
    const running = await startServer('stopped')
    await bench.tidings('topics', 'create', 'a.b', ...running.at)
    const beside = await bench.run(['backup', 'beside.backup', '--data', 'stopped'])
    expect(beside).toMatchObject({ code: 1, stderr: expect.stringContaining('in use by process') })
    await stop(running)
    expect(await bench.run(['backup', 'stopped.backup', '--data', 'stopped'])).toMatchObject({ code: 0 })
    expect(await bench.run(['restore', 'stopped.backup', '--data', 'again'])).toMatchObject({ code: 0 })
    expect(await bench.run(['backup', 'nothing.backup', '--data', 'nowhere'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is no store in nowhere'),
    })
  })

  test('replace no backup and no store, and take no file for a backup that is none or was cut short', async () => {
    const running = await startServer('kept')
    writeFileSync(join(bench.folder, 'there.backup'), 'mine')
    expect(await bench.run(['backup', 'there.backup', ...running.at])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is there already'),
    })
    await bench.run(['backup', 'whole.backup', ...running.at])
    await stop(running)
    expect(await bench.run(['restore', 'whole.backup', '--data', 'kept'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is a store in kept'),
    })
    const whole = readFileSync(join(bench.folder, 'whole.backup'))
    writeFileSync(join(bench.folder, 'cut.backup'), whole.subarray(0, whole.length - 100))
    for (const [file, message] of [
      ['there.backup', 'This is no backup'],
      ['cut.backup', 'it was cut short'],
      ['missing.backup', 'There is no backup'],
    ] as const) {
      const refused = await bench.run(['restore', file, '--data', 'new'])
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(message) })
    }
    const started = await bench.run(['server', '--port', '0', '--data', 'new'])
    expect(started).toMatchObject({ code: 1, stderr: expect.stringContaining('restore it again') })
  })

  test('of a server that does not answer, or keeps nothing, say so and leave no file', async () => {
    expect(await bench.run(['backup', 'none.backup', '--url', 'http://127.0.0.1:9'])).toMatchObject({ code: 1 })
    expect(await bench.run(['backup', 'none.backup'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('in memory'),
    })
    expect(readdirSync(bench.folder).filter((name) => name.startsWith('none'))).toEqual([])
  })
})
