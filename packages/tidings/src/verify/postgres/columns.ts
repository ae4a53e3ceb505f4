import type { ColumnType } from '../../capture/column-types.ts'
import { tags } from '../canonical.ts'
import type { HashedColumn } from './digests.ts'

/** Types whose cast to a text is what PostgreSQL writes for them. */
const plain = new Set(['text', 'varchar', 'uuid', 'numeric', 'date', 'time', 'timetz', 'interval', 'enum'])
const integers = new Set(['int2', 'int4', 'int8', 'oid'])

/**
 * The text of a column's value as a capture publishes it and a hash has it; `undefined` where SQL cannot make it: JSON,
 * whose members have no order, and lists.
 */
export function hashedText(column: string, form: string): string | undefined {
  if (plain.has(form) || integers.has(form) || form === 'bool') return `${column}::text`
  switch (form) {
    case 'float4':
    case 'float8':
      // By way of numeric there is no exponent.
      return `case when ${isNumber(column)} then ${column}::text::numeric::text else ${column}::text end`
    case 'timestamptz':
    case 'timestamp':
      return momentText(column, form)
    case 'bytea':
      return `translate(encode(${column}, 'base64'), E'\\n', '')`
    case 'json':
    case 'jsonb':
    case 'array':
      return undefined
    default:
      // What PostgreSQL writes, which casts of some types are not.
      return `concat(${column})`
  }
}

export function tagOfForm(column: string, form: string): string {
  if (form === 'bool') return String(tags.boolean)
  if (integers.has(form)) return String(tags.number)
  if (form === 'float4' || form === 'float8')
    return `case when ${isNumber(column)} then ${tags.number} else ${tags.text} end`
  return String(tags.text)
}

export function hashedColumn(column: string, { form }: Pick<ColumnType, 'form'>): HashedColumn | undefined {
  const text = hashedText(column, form)
  if (text === undefined) return undefined
  return { text, tag: `case when ${column} is null then ${tags.null} else ${tagOfForm(column, form)} end` }
}

export function isNumber(column: string): string {
  return `${column} not in ('NaN', 'Infinity', '-Infinity')`
}

/** RFC 3339 where the moment has such a form, as `column-types.ts` has it; sessions are in UTC. */
export function momentText(column: string, form: 'timestamptz' | 'timestamp'): string {
  const [zone, written] = form === 'timestamptz' ? ['+00', `'+00', 'Z'`] : ['', `'', ''`]
  const isPlain = `${column} >= '0001-01-01 00:00:00${zone}' and ${column} < '10000-01-01 00:00:00${zone}'`
  const text = `replace(${column}::text, ' ', 'T')`
  return `case when ${isPlain} then ${zone === '' ? text : `replace(${text}, ${written})`} else ${column}::text end`
}
