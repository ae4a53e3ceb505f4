import type { Encoding } from '../../replica/tables.ts'
import { tags } from '../canonical.ts'
import type { ReadyCopy } from '../copy.ts'
import type { DatabaseRows } from '../database-rows.ts'
import { RowsSide } from '../rows-side.ts'
import type { Side } from '../side.ts'
import { canHash, hashOfRow, PostgresDigests, type HashedColumn } from './digests.ts'
import { isOrderedByBytes, textKey, type Run } from './keys.ts'
import { postgresReader, readingRun, runOn } from './reader.ts'

/** A copy in PostgreSQL, which makes the digests itself where a range has no list, object or text that is stored as JSON. */
export async function postgresCopy(copy: ReadyCopy, rows: DatabaseRows): Promise<Side> {
  const run = runOn(copy.database)
  const isOrdered = await isOrderedByBytes(run, rows.table, copy.key)
  const key = textKey({ text: rows.keyColumn, ...(isOrdered && { ordered: rows.keyColumn }) })
  const side = new RowsSide(postgresReader(rows, key, copy))
  if (!(await canHash(run))) return side
  const forms = await commonForms(run, rows.table)
  const hashed = (form: RowForm | undefined): string => {
    const column = (name: string): HashedColumn => hashedColumn(name, copy.database.dialect.identifier(name), form)
    return hashOfRow(key, column(copy.key).tag, copy.columns.map(column))
  }
  const digests = new PostgresDigests(
    readingRun(copy.database),
    {
      table: rows.table,
      key,
      hash: byForm(forms, hashed),
      unhashed: byForm(forms, (form) =>
        form ? String(Object.values(form.encodings).includes('json')) : `strpos(r.tidings_encoded, '":"json"') > 0`,
      ),
    },
    side,
  )
  return {
    digests: (range, cut) => digests.digests(range, cut),
    hashes: (range, limit) => digests.hashes(range, limit),
    find: (keys) => side.find(keys),
  }
}

/** What `tidings_encoded` says of many rows: which of their columns are no plain texts. */
interface RowForm {
  readonly text: string | null
  readonly encodings: Readonly<Record<string, Encoding>>
}

const allTexts: RowForm = { text: null, encodings: {} }
const mostForms = 3

/** Most rows of a copy are of few forms, and comparing two texts is quicker than to look for each column in one. */
async function commonForms(run: Run, table: string): Promise<readonly RowForm[]> {
  const rows = await run(
    `select tidings_encoded as form from (select r.tidings_encoded from ${table} r limit 1000) sample
      where tidings_encoded is not null group by tidings_encoded order by count(*) desc limit ${mostForms}`,
    [],
  )
  const found = rows.flatMap(([text]) => {
    try {
      const encodings = JSON.parse(text!) as RowForm['encodings'] | null
      return encodings === null ? [] : [{ text: text!, encodings }]
    } catch {
      // A damaged row is like no other.
      return []
    }
  })
  return [allTexts, ...found]
}

/** An expression for the rows of each form that is known, and one for those of any other. */
function byForm(forms: readonly RowForm[], expression: (form: RowForm | undefined) => string): string {
  const known = forms.map((form) => {
    const condition = form.text === null ? 'is null' : `= ${literal(form.text)}`
    return `when r.tidings_encoded ${condition} then ${expression(form)}`
  })
  return `case ${known.join(' ')} else ${expression(undefined)} end`
}

/**
 * A column of text as `replica/postgres.ts` stores values in it, in rows of one form; or of any, where each has to be
 * asked what its `tidings_encoded` says of the column.
 */
function hashedColumn(name: string, identifier: string, form: RowForm | undefined): HashedColumn {
  const column = `r.${identifier}`
  const plainTag = `(case when ${column} is null then ${tags.null} else ${tags.text} end)`
  // Numbers that JavaScript writes with an exponent, and its negative zero.
  const number = `(case when (strpos(${column}, 'e') > 0 or ${column} = '-0')
      and ${column} ~ '^-?[0-9]+([.][0-9]+)?(e[-+][0-9]{1,3})?$' then ${column}::numeric::text else ${column} end)`
  if (form) {
    const encoding = form.encodings[name]
    const tag = encoding && tagsOfEncodings[encoding]
    return { text: encoding === 'number' ? number : column, tag: tag === undefined ? plainTag : String(tag) }
  }
  const isEncoded = (encoding: Encoding): string => {
    // Within a name a quotation mark has a backslash before it, so that no name looks like another's member.
    const member = `,${JSON.stringify(name)}:${JSON.stringify(encoding)}`
    return `strpos(',' || substr(r.tidings_encoded, 2), ${literal(member)}) > 0`
  }
  return {
    text: `case when ${isEncoded('number')} then ${number} else ${column} end`,
    tag: `case when ${isEncoded('number')} then ${tags.number} when ${isEncoded('boolean')} then ${tags.boolean}
      when ${isEncoded('absent')} then ${tags.absent} else ${plainTag} end`,
  }
}

const tagsOfEncodings: Readonly<Partial<Record<Encoding, number>>> = {
  number: tags.number,
  boolean: tags.boolean,
  absent: tags.absent,
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
