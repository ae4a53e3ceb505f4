import { readdir, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { allowAll, createBroker } from 'tidings/broker'
import { captureTable } from 'tidings/capture'
import { embeddedEngine } from 'tidings/engines/embedded'
import { memoryEngine } from 'tidings/engines/memory'
import { openPool } from '../postgres.ts'
import { entityOf, type TableNames } from './names.ts'

export interface Remains {
  readonly url: string
  readonly table: string
  readonly names: TableNames
  /** The folder of the store, and the file of the copy. */
  readonly data: string
  readonly copy: string
}

/** Takes everything away that was made for a captured table. Answers what that was, in words. */
export async function removeDev(remains: Remains): Promise<readonly string[]> {
  // Whoever runs it has the store; so nobody does.
  await using store = await holdStore(remains.data)
  await removeCapture(remains)
  const { removeFromFile } = await import('./copy-file.ts')
  const copy = await removeFromFile(remains.copy, remains.names.copy)
  return [`the slot and publication ${remains.names.slot}`, copy, ...(await store.remove())]
}

async function removeCapture({ url, table, names }: Remains): Promise<void> {
  const pool = await openPool(url)
  const capture = captureTable({
    pool,
    replication: () => {
      throw new Error('A capture that is removed reads nothing.')
    },
    broker: createBroker({ engine: memoryEngine(), authorize: allowAll }),
    entity: entityOf(names.entity, 'key'),
    name: names.capture,
    table,
    onAlarm: () => undefined,
  })
  try {
    await capture.remove()
  } catch (error) {
    if (!isMissing(error)) throw error
    // It never came so far as to keep anything.
    await pool.query(`drop publication if exists "${names.slot}"`)
  } finally {
    await pool.end()
  }
}

/** SQLSTATE of a table or a schema that is not there. */
function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['42P01', '3F000'].includes(String(error.code))
}

interface HeldStore extends AsyncDisposable {
  remove(): Promise<readonly string[]>
}

async function holdStore(data: string): Promise<HeldStore> {
  const found = await stat(join(data, 'tidings.json')).catch(() => undefined)
  if (!found) return { remove: () => Promise.resolve([]), [Symbol.asyncDispose]: () => Promise.resolve() }
  const engine = embeddedEngine({ path: data, onFatal: () => undefined })
  await engine.start()
  return {
    async remove() {
      await engine.stop()
      await removeStore(data)
      return [data]
    },
    [Symbol.asyncDispose]: () => engine.stop(),
  }
}

/** The files of the store; a folder in which there is anything else stays. */
async function removeStore(data: string): Promise<void> {
  for (const name of await readdir(data)) {
    if (/^(tidings\.json|data\.mdb(-lock)?)$/.test(name)) await rm(join(data, name))
  }
  await rmdir(data).catch(() => undefined)
}
