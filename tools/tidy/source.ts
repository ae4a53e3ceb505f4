import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'

/** One file of the repository, as the rules see it: its path from the root, with `/`, and its text. */
export interface RepositoryFile {
  readonly path: string
  readonly text: string
}

/** A rule's finding: where, and what to do about it. */
export type Problem = string

export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [property: string]: unknown
}

export interface Comment {
  readonly value: string
  readonly start: number
}

export interface ParsedFile {
  readonly program: SyntaxNode
  readonly comments: readonly Comment[]
}

export interface Import {
  readonly specifier: string
  readonly start: number
}

export const root = join(import.meta.dirname, '../..')

/** Every file that is, or is about to be, part of the repository; what other programs have generated follows their rules. */
export function repositoryFiles(): readonly RepositoryFile[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
  const paths = listed.split('\0').filter((path) => /\.(ts|tsx|mjs|js|json|md|py|sh|yml)$|^\.ci\/run$/.test(path))
  return paths
    .filter((path) => existsSync(join(root, path)) && !path.includes('/generated/'))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

export function isCode(file: RepositoryFile): boolean {
  return /\.(ts|tsx|mjs|js)$/.test(file.path)
}

/** Tests and what only they share; neither is built or packed. */
export function isTest(path: string): boolean {
  return /\.(test|fixture)\.tsx?$/.test(path) || /^packages\/\w+\/testing\//.test(path)
}

const parsed = new WeakMap<RepositoryFile, ParsedFile>()

export function parse(file: RepositoryFile): ParsedFile {
  const known = parsed.get(file)
  if (known) return known
  const { program, comments, errors } = parseSync(file.path, file.text)
  if (errors.length > 0) throw new Error(`${file.path} does not parse: ${errors[0]?.message}`)
  const result = { program: program as unknown as SyntaxNode, comments }
  parsed.set(file, result)
  return result
}

/** Calls `visit` for every node of a file, parents first, with the nodes around it, the innermost last. */
export function walk(
  node: SyntaxNode,
  visit: (node: SyntaxNode, around: readonly SyntaxNode[]) => void,
  around: readonly SyntaxNode[] = [],
): void {
  visit(node, around)
  const inside = [...around, node]
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, visit, inside)
  }
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}

const importingNodes = [
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
]

/** Everything that a file names in an import, a re-export, a dynamic import or an import type. */
export function importsOf(file: RepositoryFile): readonly Import[] {
  const imports: Import[] = []
  walk(parse(file).program, (node) => {
    if (!importingNodes.includes(node.type) || !isNode(node['source'])) return
    const specifier = node['source']['value']
    if (typeof specifier === 'string') imports.push({ specifier, start: node.start })
  })
  return imports
}

export function lineOf(file: RepositoryFile, offset: number): number {
  return file.text.slice(0, offset).split('\n').length
}

export function at(file: RepositoryFile, offset: number): string {
  return `${file.path}:${lineOf(file, offset)}`
}
