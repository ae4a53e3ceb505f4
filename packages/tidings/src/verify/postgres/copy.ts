import { tags } from '../canonical.ts'
import type { ReadyCopy } from '../copy.ts'
import type { DatabaseRows } from '../database-rows.ts'
import { RowsSide } from '../rows-side.ts'
import type { Side } from '../side.ts'
import { canHash, PostgresDigests, type HashedColumn } from './digests.ts'
import { isOrderedByBytes, textKey } from './keys.ts'
import { postgresReader, runOn } from './reader.ts'

/** A copy in PostgreSQL, which makes the digests itself where a range has no list, object or text that is stored as JSON. */
export async function postgresCopy(copy: ReadyCopy, rows: DatabaseRows): Promise<Side> {
  const run = runOn(copy.database)
  const isOrdered = await isOrderedByBytes(run, rows.table, copy.key)
  const key = textKey({ text: rows.keyColumn, ...(isOrdered && { ordered: rows.keyColumn }) })
  const side = new RowsSide(postgresReader(rows, key, copy))
  if (!(await canHash(run))) return side
  const hashed = (name: string): HashedColumn => hashedColumn(name, copy.database.dialect.identifier(name))
  const digests = new PostgresDigests(
    run,
    {
      table: rows.table,
      key,
      keyTag: hashed(copy.key).tag,
      columns: copy.columns.map(hashed),
      unhashed: `coalesce(strpos(r.tidings_encoded, '":"json"') > 0, false)`,
    },
    side,
  )
  return {
    digests: (range, cut) => digests.digests(range, cut),
    hashes: (range, limit) => digests.hashes(range, limit),
    find: (keys) => side.find(keys),
  }
}

/** A column of text as `replica/postgres.ts` stores values in it; what it says of a column stands in `tidings_encoded`. */
function hashedColumn(name: string, identifier: string): HashedColumn {
  const column = `r.${identifier}`
  const isEncoded = (encoding: string): string => {
    const member = `${JSON.stringify(name)}:${JSON.stringify(encoding)}`
    // Within a name a quotation mark has a backslash before it, so that no name looks like another's member.
    return `strpos(',' || substr(r.tidings_encoded, 2), ',${member.replaceAll("'", "''")}') > 0`
  }
  const tag = `case when r.tidings_encoded is null then ${plainTag(column)}
    when ${isEncoded('number')} then ${tags.number} when ${isEncoded('boolean')} then ${tags.boolean}
    when ${isEncoded('absent')} then ${tags.absent} else ${plainTag(column)} end`
  // Numbers that JavaScript writes with an exponent, and its negative zero.
  const isWritten = `((strpos(${column}, 'e') > 0 or ${column} = '-0') and ${isEncoded('number')}
    and ${column} ~ '^-?[0-9]+([.][0-9]+)?(e[-+][0-9]{1,3})?$')`
  return { text: `case when ${isWritten} then ${column}::numeric::text else ${column} end`, tag }
}

function plainTag(column: string): string {
  return `(case when ${column} is null then ${tags.null} else ${tags.text} end)`
}
