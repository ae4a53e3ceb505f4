import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

const script = join(import.meta.dirname, 'chinook/Chinook_PostgreSql_SerialPKs.sql.gz')

/** What makes the tables and rows of Chinook in an empty database of PostgreSQL. */
export function chinook(): string {
  const text = gunzipSync(readFileSync(script)).toString('utf8')
  // What comes before creates a database and connects to it, which is the business of whoever asks.
  return text.slice(text.indexOf('CREATE TABLE'))
}
