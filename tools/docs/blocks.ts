/**
 * The code blocks of a document. What stands behind the language in a fence says what is done with the block:
 *
 *   ```ts                    type-checked
 *   ```ts crm/contract.ts    type-checked as this file, which other blocks of the document may import
 *   ```ts main.ts run        … and executed
 *   ```sh run                executed, in the folder with the document's files
 *   ```sh serve              executed, and left running until the end of the document, which goes on when it has printed
 *                            something; TIDINGS_URL and TIDINGS_PORT lead to a server of the document's own
 *   ```text                  after an executed block: what it prints; `…` stands for anything, alone on a line for any lines
 *
 * A block inside an HTML comment is read like any other: set-up that the reader need not see.
 */
export interface Block {
  readonly language: string
  readonly file: string | undefined
  readonly run: boolean
  readonly serve: boolean
  readonly text: string
  /** The line of the opening fence. */
  readonly line: number
  /** What an executed block must print, where the document says so. */
  readonly expected: string | undefined
}

const fence = /^```(\w+)([^\n]*)\n([\s\S]*?)^```$/gm

export function blocksOf(document: string): readonly Block[] {
  const blocks = [...document.matchAll(fence)].map((match) => {
    const [, language = '', info = '', text = ''] = match
    const words = info.trim().split(/\s+/)
    return {
      language,
      file: words.find((word) => word.includes('.')),
      run: words.includes('run'),
      serve: words.includes('serve'),
      text,
      line: document.slice(0, match.index).split('\n').length,
    }
  })
  return blocks.map((block, index) => {
    const next = blocks[index + 1]
    return { ...block, expected: block.run && next?.language === 'text' ? next.text : undefined }
  })
}

/** Where the code of a TypeScript block is kept: blocks of one name make one file. */
export function fileOf(block: Block): string {
  return block.file ?? `line-${block.line}.ts`
}

/** Whether a printed text is what a document promises, `…` standing for anything. */
export function matchesExpected(expected: string, actual: string): boolean {
  const lines = expected.trim().split('\n').map(linePattern)
  return new RegExp(`^${lines.join('')}$`).test(`${actual.trim()}\n`)
}

function linePattern(line: string): string {
  if (line.trim() === '…') return '(?:.*\\n)*?'
  const parts = line
    .trimEnd()
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return `${parts.join('.*')}[ \\t]*\\n`
}
