import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileOf, type Block } from './blocks.ts'

export interface Outcome {
  readonly status: number | null
  /** What it printed, messages to people included. */
  readonly output: string
  /** What it printed for programs: standard output alone. */
  readonly printed: string
}

const root = join(import.meta.dirname, '../..')
const compiler = join(root, 'node_modules/typescript/bin/tsc')
const longestRunMs = 60_000

const compilerOptions = {
  target: 'es2023',
  lib: ['es2023', 'esnext.disposable', 'dom'],
  module: 'nodenext',
  strict: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  rewriteRelativeImportExtensions: true,
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
}

/** Writes the TypeScript blocks of a document as files into an empty folder, from which they find their packages. */
export function writeFiles(blocks: readonly Block[], folder: string): void {
  const texts = new Map<string, string>()
  for (const block of blocks) {
    if (block.language === 'ts') texts.set(fileOf(block), `${texts.get(fileOf(block)) ?? ''}${block.text}`)
  }
  for (const [file, text] of texts) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), `${text}\nexport {}\n`)
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['**/*.ts'] }))
}

/** An empty folder inside the repository, where Node and the compiler find the packages as built. */
export function emptyFolder(name: string): string {
  const folder = join(root, '.data', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  return folder
}

/** Checks the types of everything in the folder and writes the JavaScript beside it. */
export function compile(folder: string): Promise<Outcome> {
  return execute(process.execPath, [compiler, '-p', folder], folder)
}

/** Executes one block, after `compile`. */
export function runBlock(block: Block, folder: string, variables: Record<string, string> = {}): Promise<Outcome> {
  if (block.language === 'sh') return execute('bash', ['-euo', 'pipefail', '-c', block.text], folder, { variables })
  const file = fileOf(block).replace(/\.ts$/, '.js')
  return execute(process.execPath, ['--enable-source-maps', file], folder, { variables })
}

/** The environment variables of a program of a document: it finds the packages' commands and prints no colors. */
export function surroundings(folder: string, variables: Record<string, string>): NodeJS.ProcessEnv {
  const path = [join(folder, 'node_modules/.bin'), join(root, 'node_modules/.bin'), process.env['PATH']].join(':')
  return { ...process.env, PATH: path, NO_COLOR: '1', ...variables }
}

/** Ends a process that was started as the first of its group, with everything that it started. */
export function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // The group has ended on its own.
  }
}

/** Executes a command; what it leaves running in the background ends with it. */
export function execute(
  command: string,
  parameters: readonly string[],
  folder: string,
  { limitMs = longestRunMs, variables = {} }: { limitMs?: number; variables?: Record<string, string> } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that what a block leaves in the background ends with it.
    const child = spawn(command, parameters, { cwd: folder, detached: true, env: surroundings(folder, variables) })
    let output = ''
    let printed = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      printed += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
    const end = (): void => endGroup(child)
    const timer = setTimeout(end, limitMs)
    child.on('error', reject)
    child.on('exit', end)
    child.on('close', (status) => {
      clearTimeout(timer)
      resolve({ status, output, printed })
    })
  })
}
