import type { Figure } from './rounds.ts'
import type { Row, Table } from './table.ts'

/** A table with the columns that at least one of its rows has something for. */
export function markdownOf(table: Table): string {
  const peers = [...new Set(table.rows.flatMap(({ ratios }) => Object.keys(ratios ?? {})))]
  const has = (key: keyof Row): boolean => table.rows.some((row) => row[key] !== undefined)
  const columns: { title: string; cell: (row: Row) => string }[] = [
    { title: '', cell: ({ name }) => name },
    ...table.columns.map(({ title, unit }, index) => ({
      title: unit === '' ? title : `${title}, ${unit}`,
      cell: ({ values, notMeasured }: Row) => {
        if (notMeasured !== undefined) return index === 0 ? `not measured: ${notMeasured}` : ''
        return figureText(values?.[index] ?? null)
      },
    })),
    ...(has('cpuSecondsPerMillion')
      ? [{ title: 'CPU s per million', cell: (row: Row) => figureText(row.cpuSecondsPerMillion ?? null) }]
      : []),
    ...(has('share') ? [{ title: 'of its limit', cell: shareText }] : []),
    ...peers.map((peer) => ({
      title: `× ${peer}`,
      cell: ({ ratios }: Row) => (ratios?.[peer] === undefined ? '' : `${numberText(ratios[peer])} ×`),
    })),
    ...(has('bars') ? [{ title: 'bar', cell: barsText }] : []),
    ...(has('remark') ? [{ title: 'seen', cell: ({ remark }: Row) => remark ?? '' }] : []),
  ]
  const lines = [
    columns.map(({ title }) => title),
    columns.map((_, index) => (index === 0 ? '---' : '--:')),
    ...table.rows.map((row) => columns.map(({ cell }) => cell(row))),
  ]
  return lines.map((cells) => `| ${cells.map(escaped).join(' | ')} |`).join('\n')
}

/** The median, and behind it the range where there is one. */
export function figureText(figure: Figure | null): string {
  if (figure === null) return ''
  const [median, lowest, highest] = [figure.median, figure.lowest, figure.highest].map(numberText)
  return lowest === highest ? median! : `${median} (${lowest} – ${highest})`
}

function shareText({ share }: Row): string {
  if (share === undefined) return ''
  const text = `${(share.share * 100).toFixed(1)} % of ${share.limit}`
  return share.share > 1 ? `**${text}: above its limit, so the audit failed**` : text
}

function barsText({ bars }: Row): string {
  return (bars ?? []).map(({ promise, isMet }) => `${promise}: ${isMet ? 'met' : '**missed**'}`).join('<br>')
}

/** About three digits, and thousands set apart. */
export function numberText(value: number): string {
  const size = Math.abs(value)
  if (size >= 100 || size === 0) return Math.round(value).toLocaleString('en')
  if (size >= 0.01) return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3)
  return value.toExponential(1)
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
