import type { Difference, DifferentColumn, Progress } from 'tidings/verify'
import type { Session } from './session.ts'
import { count, visible } from './text.ts'

export const mostLines = 20
const longestValue = 60

/** A difference, and of which table where there are several. */
interface Told extends Difference {
  readonly table?: string
}

/** The first differences, as lines; the others are counted. */
export class Differences {
  readonly #session: Session
  readonly #first: Told[] = []

  constructor(session: Session) {
    this.#session = session
  }

  add(difference: Difference, table?: string): void {
    if (this.#first.length < mostLines) this.#first.push({ ...(table !== undefined && { table }), ...difference })
  }

  async show(): Promise<void> {
    const { output } = this.#session
    for (const difference of this.#first) {
      await output.show(shortened(difference), () => differenceLine(difference))
    }
  }
}

const barWidth = 20

/** With a bar where it is known how many rows there are. */
export function progressText({ source, copy, doubts }: Omit<Progress, 'place'>, total?: number): string {
  const again = doubts > 0 ? `, ${count(doubts, 'row')} to look at again` : ''
  const text = `${count(source, 'row')} of the source and ${copy.toLocaleString('en-US')} of the copy compared${again} …`
  if (total === undefined || total === 0) return text
  const share = Math.min(1, source / total)
  const done = Math.floor(share * barWidth)
  return `${'█'.repeat(done)}${'░'.repeat(barWidth - done)} ${String(Math.floor(share * 100)).padStart(3)} %  ${text}`
}

const kinds: Readonly<Record<Difference['kind'], string>> = {
  'missing-in-copy': 'missing in the copy',
  'only-in-copy': 'only in the copy',
  different: 'different',
}

function differenceLine({ table, key, kind, columns }: Told): string {
  const texts = columns.map(({ column, source, copy }) => `${column}: ${shortText(source)} → ${shortText(copy)}`)
  const place = table === undefined ? '' : `${table}  `
  return [`${place}${kinds[kind]}  ${key}`, ...texts].map(visible).join('  ')
}

function shortened({ columns, ...difference }: Told): object {
  const short = (column: DifferentColumn): object => ({
    ...column,
    ...(column.source !== undefined && { source: shortText(column.source) }),
    ...(column.copy !== undefined && { copy: shortText(column.copy) }),
  })
  return { ...difference, columns: columns.map(short) }
}

function shortText(text: string | undefined): string {
  if (text === undefined) return '(absent)'
  return text.length > longestValue ? `${text.slice(0, longestValue)}…` : text
}
