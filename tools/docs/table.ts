import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The cells of a table of a document, without their code marks: that whose first column is called so. */
export function tableOf(path: string, header: string): readonly (readonly string[])[] {
  const lines = readFileSync(join(import.meta.dirname, '../..', path), 'utf8').split('\n')
  const at = lines.findIndex((line) => line.startsWith(`| ${header} `))
  if (at < 0) throw new Error(`${path} has no table whose first column is "${header}".`)
  const end = lines.findIndex((line, index) => index > at && !line.startsWith('|'))
  return lines.slice(at + 2, end < 0 ? undefined : end).map((row) => {
    const cells = row.split('|').slice(1, -1)
    return cells.map((cell) => cell.trim().replaceAll('`', ''))
  })
}
