import Libsql from 'libsql'
import type { Database } from 'tidings/database'
import { sqliteDatabase, type SqliteClient } from 'tidings/databases/sqlite'

/** A team's own SQLite database, with a connection for writes and one for reads; each commit is on the disk. */
export function openDatabase(file: string): { database: Database; commits(): number } {
  const writer = open(file)
  let commits = 0
  const client: SqliteClient = {
    get open() {
      return writer.open
    },
    get inTransaction() {
      return writer.inTransaction
    },
    prepare: (text) => writer.prepare(text),
    exec(text) {
      const result = writer.exec(text)
      if (text === 'commit') commits += 1
      return result
    },
  }
  return { database: sqliteDatabase({ client, reader: open(file) }), commits: () => commits }
}

function open(file: string): Libsql.Database {
  const connection = new Libsql(file)
  connection.pragma('journal_mode = wal')
  connection.pragma('synchronous = full')
  return connection
}
