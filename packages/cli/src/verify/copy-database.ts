import { postgresDatabase } from 'tidings/databases/postgres'
import { openExistingCopyFile, type CopyFile } from '../dev/copy-file.ts'
import { openPool } from '../postgres.ts'

/** Opens what a copy is in: a file of SQLite, or the database of PostgreSQL at an address. */
export async function openCopyDatabase(copy: string): Promise<CopyFile> {
  if (!/^postgres(ql)?:\/\//.test(copy)) return openExistingCopyFile(copy)
  const pool = await openPool(copy)
  const database = postgresDatabase({ pool })
  const end = async (): Promise<void> => {
    await database.stop()
    await pool.end()
  }
  try {
    await database.start()
  } catch (error) {
    await end()
    throw error
  }
  return { database, [Symbol.asyncDispose]: end }
}
