import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { at, root, type Problem, type RepositoryFile } from './source.ts'

/** Links between the repository's own documents that lead nowhere, headings included. */
export function checkLinks(
  files: readonly RepositoryFile[],
  exists: (path: string) => boolean = existsInRepository,
): readonly Problem[] {
  const documents = files.filter((file) => file.path.endsWith('.md'))
  const anchors = new Map(documents.map((file) => [file.path, headingAnchors(file.text)]))
  return documents.flatMap((file) =>
    [...proseOf(file.text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap((match) => {
      const [target = '', anchor] = (match[1] ?? '').split('#')
      if (/^[a-z]+:/.test(target)) return []
      const path = target === '' ? file.path : join(dirname(file.path), target)
      if (!exists(path)) return [`${at(file, match.index)} links to ${target}, which does not exist`]
      const known = anchors.get(path)
      return anchor === undefined || !known || known.has(anchor)
        ? []
        : [`${at(file, match.index)} links to #${anchor}, a heading that ${path} does not have`]
    }),
  )
}

function existsInRepository(path: string): boolean {
  return existsSync(join(root, path))
}

function headingAnchors(text: string): Set<string> {
  const headings = [...text.replace(fences, '').matchAll(/^#{1,6} (.+)$/gm)].map((match) => match[1] ?? '')
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

const fences = /^```[\s\S]*?^```/gm

/** The text without code blocks and code spans, of the same length. */
function proseOf(text: string): string {
  return text.replace(new RegExp(`${fences.source}|\`[^\`\\n]*\``, 'gm'), (code) => code.replace(/[^\n]/g, ' '))
}
