import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runAtTerminal } from '../terminal.fixture.ts'
import { completionScripts } from './scripts.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidings-completion-'))
  symlinkSync(join(import.meta.dirname, '../../bin/tidings.js'), join(folder, 'tidings'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function candidates(...words: string[]): Promise<readonly string[]> {
  const { code, stdout } = await runAtTerminal(['complete', '--', ...words])
  expect(code).toBe(0)
  return stdout.split('\n').filter((line) => line !== '')
}

describe('what may come next', () => {
  test('are commands, and theirs', async () => {
    const commands = await candidates('')
    expect(commands).toEqual([...commands].sort())
    expect(commands).toEqual(expect.arrayContaining(['completion', 'consume', 'server', 'subscriptions', 'topics']))
    expect(await candidates('top')).toEqual(['topics'])
    expect(await candidates('--url', 'topics', 'subscriptions', 's')).toEqual(['seek', 'show', 'stats'])
  })

  test('are options, the common ones too', async () => {
    expect(await candidates('topics', 'remove', 'a.b', '--')).toEqual(
      expect.arrayContaining(['--dry-run', '--yes', '--json', '--url', '--help']),
    )
    expect(await candidates('publish', '--key')).toEqual(['--key', '--key-field'])
  })

  test('are the choices of an option or an argument, and else file names, which the shell knows', async () => {
    expect(await candidates('topics', 'create', 'a.b', '--kind', 'e')).toEqual(['entity', 'event'])
    expect(await candidates('completion', '')).toEqual(['bash', 'zsh', 'fish'])
    expect(await candidates('publish', 'a.b', '--file', '')).toEqual([])
    expect(await candidates('publish', '')).toEqual([])
  })
})

describe('tidings completion', () => {
  test.each(['bash', 'zsh', 'fish'] as const)('%s prints its script', async (shell) => {
    expect(await runAtTerminal(['completion', shell])).toEqual({
      code: 0,
      stdout: completionScripts[shell],
      stderr: '',
    })
  })

  test('bash is valid, and completes', () => {
    const script = join(folder, 'completion.bash')
    writeFileSync(script, completionScripts.bash)
    expect(spawnSync('bash', ['-n', script])).toMatchObject({ status: 0 })
    const line = `source ${script}; COMP_WORDS=(tidings topics ""); COMP_CWORD=2; _tidings; echo "\${COMPREPLY[@]}"`
    const variables = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` }
    expect(spawnSync('bash', ['-c', line], { env: variables, encoding: 'utf8' }).stdout).toBe(
      'create erase list read remove show\n',
    )
  })
})
