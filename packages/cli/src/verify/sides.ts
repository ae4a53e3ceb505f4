import type { InspectedCopy } from 'tidings/drift'
import type { CopySide, Side } from 'tidings/verify'
import { copyTableOf } from '../dev/names.ts'
import { UsageError } from '../failure.ts'
import { databaseUrl, openPool } from '../postgres.ts'
import type { Session } from '../session.ts'

/** A side, and what has to be closed after it. */
export interface OpenSide<Of extends Side = Side> extends AsyncDisposable {
  readonly side: Of
}

/** A copy, of which single keys can be looked into as well. */
export interface OpenCopy extends OpenSide<CopySide> {
  inspected(): Promise<InspectedCopy>
}

interface SourceOptions {
  readonly source?: string
  readonly owner?: string
  readonly secret?: string
  readonly table?: string
}

/** How to open the source for a copy; what is wrong with the options is said before anything is opened. */
export function sourceOf(
  session: Session,
  options: SourceOptions,
  signal: AbortSignal,
): (copy: CopySide) => Promise<OpenSide> {
  const { owner, table } = options
  if (owner !== undefined) {
    if (options.source !== undefined) throw new UsageError('Give --source or --owner, not both.')
    const address = ownerAddress(session, { ...options, owner })
    return (copy) => openOwnerSide({ ...address, signal }, copy)
  }
  const url = databaseUrl(session, '--source', options.source)
  if (table === undefined) throw new UsageError('Say which table of the source: --table customers.')
  return (copy) => openTableSide({ url, table }, copy)
}

/** Where an owner is asked, and with which secret. */
export function ownerAddress(
  session: Session,
  { owner, secret = session.terminal.env['TIDINGS_SECRET'] }: { readonly owner: string; readonly secret?: string },
): { readonly url: string; readonly secret: string } {
  if (secret === undefined) throw new UsageError('Give the secret of the owner: TIDINGS_SECRET, or --secret.')
  if (!URL.canParse(owner)) throw new UsageError(`--owner needs a URL, not "${owner}".`)
  return { url: owner, secret }
}

async function openOwnerSide(
  owner: { readonly url: string; readonly secret: string; readonly signal: AbortSignal },
  { topic, columns }: CopySide,
): Promise<OpenSide> {
  const { openOwner } = await import('tidings/verify')
  return { side: await openOwner({ ...owner, topic, columns }), [Symbol.asyncDispose]: async () => undefined }
}

async function openTableSide(
  { url, table }: { readonly url: string; readonly table: string },
  { key, columns }: CopySide,
): Promise<OpenSide> {
  const { openTable } = await import('tidings/verify')
  const pool = await openPool(url)
  const end = () => pool.end()
  try {
    return { side: await openTable({ pool, table, key, columns }), [Symbol.asyncDispose]: end }
  } catch (error) {
    await end()
    throw error
  }
}

/** Opens a copy in a file of SQLite, or in a database of PostgreSQL. */
export async function openVerifiedCopy(options: {
  readonly copy: string
  readonly copyTable?: string
  readonly table?: string
  readonly columns?: readonly string[]
}): Promise<OpenCopy> {
  const { copy, columns, table: source } = options
  const table = options.copyTable ?? (source === undefined ? undefined : copyTableOf(source))
  if (table === undefined) throw new UsageError('Say which table the copy is: --copy-table crm_customer.')
  const { openCopy } = await import('tidings/verify')
  const { openCopyDatabase } = await import('./copy-database.ts')
  const opened = await openCopyDatabase(copy)
  const dispose = () => opened[Symbol.asyncDispose]()
  try {
    const side = await openCopy({ database: opened.database, table, ...(columns && { columns }) })
    const inspected = async (): Promise<InspectedCopy> => {
      const { inspectReplica } = await import('tidings/drift')
      return inspectReplica({ database: opened.database, table, ...(columns && { columns }) })
    }
    return { side, inspected, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}
