import Database from 'libsql'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { removeCopy } from 'tidings'
import type { Database as ServiceDatabase } from 'tidings/database'
import { sqliteDatabase } from 'tidings/databases/sqlite'
import { CommandError } from '../failure.ts'

/** An open SQLite file with copies. */
export interface CopyFile extends AsyncDisposable {
  readonly database: ServiceDatabase
}

/** Opens the file to write copies, or makes it. */
export async function openCopyFile(path: string): Promise<CopyFile> {
  mkdirSync(dirname(path), { recursive: true })
  const client = new Database(path)
  client.exec('pragma busy_timeout = 5000; pragma journal_mode = wal')
  client.close()
  return openFile(path)
}

/** Opens a file that has to be there. */
export async function openExistingCopyFile(path: string): Promise<CopyFile> {
  if (!existsSync(path)) throw new CommandError(`There is no file ${path}; say with --copy where the copy is.`)
  return openFile(path)
}

async function openFile(path: string): Promise<CopyFile> {
  const client = new Database(path)
  // Whoever looks at the copy is answered while the kit commits.
  const reader = new Database(path)
  const database = sqliteDatabase({ client, reader })
  await database.start()
  return {
    database,
    async [Symbol.asyncDispose]() {
      await database.stop()
      reader.close()
      client.close()
    },
  }
}

/** Takes the copy away, and the file as well where nothing else is in it. Answers what was done, in words. */
export async function removeFromFile(path: string, table: string): Promise<string> {
  if (!existsSync(path)) return `there was no ${path}`
  const others = await removeTable(path, table)
  if (others > 0) return `the table ${table} of ${path} (which has other tables)`
  for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
  return path
}

/** Answers how many tables of others are left. */
async function removeTable(path: string, table: string): Promise<number> {
  await using file = await openFile(path)
  await removeCopy({ database: file.database, table })
  const others = await file.database.query(
    "select name from sqlite_schema where type = 'table' and name not like 'tidings!_%' escape '!' and name not like 'sqlite!_%' escape '!'",
  )
  return others.length
}
