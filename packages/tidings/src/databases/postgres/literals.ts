import type { SqlValue } from '../../database/index.ts'
import { checkStatement } from '../../database/statements.ts'
import { inspectText } from './text.ts'
import { toPostgres, type BoundValue } from './values.ts'

/**
 * The statement with its values in it, for a script of several statements, which takes none (PostgreSQL manual, 4.1.2
 * "Constants"). Each value has the type that it would have as a parameter: the one that its place asks for.
 */
export function literalStatement(text: string, values: readonly SqlValue[]): string {
  const read = inspectText(text)
  checkStatement(text, read, values)
  const literals = values.map((value, index) => literalOf(toPostgres(value, index)))
  let statement = ''
  let copied = 0
  for (const { start, end, number } of read.places) {
    statement += text.slice(copied, start) + literals[number - 1]!
    copied = end
  }
  return statement + text.slice(copied)
}

/** Means the same whatever `standard_conforming_strings` is set to. */
function literalOf(value: BoundValue): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'string') return `decode('${Buffer.from(value).toString('hex')}', 'hex')`
  const quoted = `'${value.replaceAll("'", "''")}'`
  return value.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}
