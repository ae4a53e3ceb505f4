import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isNode, parse, root, walk, type RepositoryFile, type SyntaxNode } from './source.ts'

export interface Door {
  /** How users write it: `tidings/engine`. */
  readonly specifier: string
  readonly names: readonly PublicName[]
}

export interface PublicName {
  readonly name: string
  readonly type: boolean
}

interface PackageDescription {
  readonly name: string
  readonly exports?: Readonly<Record<string, { readonly 'tidings-source'?: string }>>
}

const publishedPackages = ['packages/tidings', 'packages/server', 'packages/cli']

/** Every door of the published packages with the names it offers; a door whose file is missing has none. */
export function publicDoors(): readonly Door[] {
  return publishedPackages.flatMap((folder) => {
    const description = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as PackageDescription
    return Object.entries(description.exports ?? {}).flatMap(([door, { 'tidings-source': source }]) => {
      if (source === undefined) return []
      const path = join(folder, source)
      const names = existsSync(join(root, path))
        ? exportedNames({ path, text: readFileSync(join(root, path), 'utf8') })
        : []
      return [{ specifier: `${description.name}${door.slice(1)}`, names }]
    })
  })
}

/** The names that one file exports, sorted, types marked. */
export function exportedNames(file: RepositoryFile): readonly PublicName[] {
  const names: PublicName[] = []
  walk(parse(file).program, (node) => {
    if (node.type !== 'ExportNamedDeclaration') return
    const typeOnly = node['exportKind'] === 'type'
    for (const specifier of Array.isArray(node['specifiers']) ? node['specifiers'] : []) {
      names.push({ name: nameOf(specifier.exported), type: typeOnly || specifier.exportKind === 'type' })
    }
    if (isNode(node['declaration'])) names.push(...declaredNames(node['declaration']))
  })
  return names.toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

function declaredNames(declaration: SyntaxNode): readonly PublicName[] {
  const type = /^TS(Interface|TypeAlias)/.test(declaration.type)
  const declarators = Array.isArray(declaration['declarations']) ? declaration['declarations'] : [declaration]
  return declarators.map((declarator) => ({ name: nameOf(declarator.id), type }))
}

function nameOf(node: { readonly name?: string; readonly value?: string }): string {
  return node.name ?? node.value ?? ''
}

/** The snapshot that a reviewer reads when a change adds, renames or removes a public name. */
export function describeDoors(doors: readonly Door[]): string {
  const chapters = doors.map(({ specifier, names }) =>
    [`## ${specifier}`, '', ...names.map(({ name, type }) => `- ${name}${type ? ' (type)' : ''}`), ''].join('\n'),
  )
  return `# Public names\n\nWhat each door offers. Updated by \`npm run tidy -- --update\`; read the difference before you commit it.\n\n${chapters.join('\n')}`
}

/** Public values that no example, guide or README uses: a reader has never seen them at work. */
export function unusedNames(doors: readonly Door[], files: readonly RepositoryFile[]): readonly string[] {
  const shown = files.filter((file) => /^(examples\/.*\.ts|docs\/guides\/.*\.md|README\.md)$/.test(file.path))
  const words = new Set(shown.flatMap((file) => file.text.match(/\w+/g) ?? []))
  return doors.flatMap(({ specifier, names }) => {
    const unused = names.filter(({ name, type }) => !type && !words.has(name))
    return unused.length === 0 ? [] : [`${specifier}: ${unused.map(({ name }) => name).join(', ')}`]
  })
}
