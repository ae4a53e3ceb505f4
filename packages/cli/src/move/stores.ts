import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Engine } from 'tidings/engine'
import { embeddedEngine } from 'tidings/engines/embedded'
import { postgresEngine } from 'tidings/engines/postgres'
import { CommandError, UsageError } from '../failure.ts'
import { openPool } from '../postgres.ts'

/** A store as an option names it, and an engine over it that does not run. */
export interface OpenStore extends AsyncDisposable {
  readonly engine: Engine
  /** Where it is, without what it takes to get in: the other store of a move remembers it. */
  readonly place: string
  /** Rejects where nobody has made a store there. */
  ensureExists(): Promise<void>
}

export async function openStore(text: string, { option }: { readonly option: string }): Promise<OpenStore> {
  if (/^postgres(ql)?:\/\//.test(text)) return openDatabase(text, option)
  if (text === '' || text === 'memory' || text === 'embedded' || text.includes('://')) {
    // An address may hold a password.
    const found = text.includes('://') ? 'that address' : `"${text}"`
    throw new UsageError(
      `${option} needs a folder, or postgres://user@host:5432/database; it was ${found}. A store in memory ends with its server.`,
    )
  }
  return openFolder(resolve(text))
}

function openFolder(path: string): OpenStore {
  return {
    place: path,
    engine: embeddedEngine({ path, onFatal: () => undefined }),
    async ensureExists() {
      const found = await stat(join(path, 'tidings.json')).catch(() => undefined)
      if (!found?.isFile()) throw new CommandError(`There is no store in ${path}.`)
    },
    async [Symbol.asyncDispose]() {},
  }
}

async function openDatabase(url: string, option: string): Promise<OpenStore> {
  if (!URL.canParse(url)) {
    throw new UsageError(`${option} needs the address of a PostgreSQL: postgres://user@host:5432/database.`)
  }
  const { host, pathname } = new URL(url)
  const place = `postgres://${host}${pathname}`
  const pool = await openPool(url)
  return {
    place,
    engine: postgresEngine({ pool, onFatal: () => undefined }),
    async ensureExists() {
      const { rows } = await pool.query<{ store: string | null }>("select to_regclass('tidings_broker.store') as store")
      if (rows[0]?.store === null) throw new CommandError(`There is no store in ${place}.`)
    },
    async [Symbol.asyncDispose]() {
      await pool.end()
    },
  }
}
