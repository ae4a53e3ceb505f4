import type { CapturePool } from '../capture/client.ts'
import { decodeExactJson, type Entity } from '../contract/index.ts'
import type { Database, SqlRow } from '../database/index.ts'
import { TidingsError } from '../errors.ts'
import { formatSequence } from '../event/index.ts'
import type { OwnedRows, Service } from '../service/index.ts'
import { canonicalValues } from './canonical.ts'
import { DatabaseRows, type DatabaseRowsOptions } from './database-rows.ts'
import { canHash, PostgresDigests } from './postgres/digests.ts'
import { keyOfColumn } from './postgres/keys.ts'
import { postgresReader, readingRun, runOn } from './postgres/reader.ts'
import { storedTable } from './postgres/stored.ts'
import { RowsSide, type KeyedRow } from './rows-side.ts'
import type { Side } from './side.ts'
import { openTable } from './source.ts'
import { sqliteReader } from './sqlite-rows.ts'
import { ownersLimitMs } from './time-limit.ts'
import type { Verifiable } from './verifiable.ts'

/**
 * An entity that a service owns, as what it publishes: each row goes through `fromRow` and the schema of the contract in
 * this process, because SQL cannot know what these make of it. The service must be running when it is asked.
 */
export function ownedEntity(options: {
  readonly service: Pick<Service, '~owned'>
  readonly entity: Pick<Entity, 'topic' | 'key'>
  /** What may be asked for beside the key; what the schema names where it is absent. */
  readonly columns?: readonly string[]
  /**
   * Promises that rows are published as they are stored: without `fromRow`, by a schema that refuses or accepts and
   * changes nothing (no default, no transformation, no trimming). Then PostgreSQL makes the digests itself, and no schema
   * is asked in SQLite. A few rows of each range are published all the same; where one is changed by it, what is asked is
   * refused as `bad-request`.
   */
  readonly asStored?: boolean
  /**
   * For how long the digests of one range may be worked on: 500 ms. Whoever asks for what takes longer is refused as
   * `range-too-large`, and asks for less.
   */
  readonly limitMs?: number
}): Verifiable {
  const { service, entity } = options
  const { topic, key } = entity
  const { asStored = false, limitMs = ownersLimitMs } = options
  const columns = options.columns ?? service['~owned'](topic).rows.properties?.filter((name) => name !== key)
  if (columns === undefined) throw unknownColumns(topic)
  return {
    topic,
    key,
    columns,
    open: async (wanted) => {
      const { database, rows: owned } = service['~owned'](topic)
      return openOwned({ database, owned, columns: wanted, asStored, limitMs })
    },
  }
}

/** An entity that a table of PostgreSQL is captured as, as `captureTable()` publishes it; see `openTable`. */
export function capturedEntity(options: {
  readonly pool: CapturePool
  readonly table: string
  readonly entity: Pick<Entity, 'topic' | 'key'>
  /** What may be asked for beside the key: columns that are captured. */
  readonly columns: readonly string[]
  /** As `ownedEntity` has it. */
  readonly limitMs?: number
}): Verifiable {
  const { pool, table, columns, limitMs = ownersLimitMs } = options
  const { topic, key } = options.entity
  return { topic, key, columns, open: (wanted) => openTable({ pool, table, key, columns: wanted, limitMs }) }
}

interface OpenOwned {
  readonly database: Database
  readonly owned: OwnedRows
  readonly columns: readonly string[]
  readonly asStored: boolean
  readonly limitMs: number
}

async function openOwned({ database, owned, columns, asStored, limitMs }: OpenOwned): Promise<Side> {
  const { entity, state, table, keyColumn, keyValue } = owned
  const shape = { key: entity.key, columns }
  const rowsRead = (read: DatabaseRowsOptions['read'], beside?: DatabaseRowsOptions['beside']): DatabaseRows =>
    new DatabaseRows({
      database,
      table,
      keyColumn,
      // No number has another text than its own: 07 is no key where 7 is one.
      keyValues: (key) => [keyValue(key)].filter((value) => String(value) === key),
      read,
      ...(beside && { beside }),
    })
  const rows = rowsRead((stored) => published(owned, stored), versionBeside(database, owned))
  const run = runOn(database)
  const key = database.dialect.name === 'sqlite' ? undefined : await keyOfColumn(run, owned)
  const readerOf = (each: DatabaseRows) => (key ? postgresReader(each, key, shape) : sqliteReader(each, shape))
  const side = new RowsSide(await readerOf(rows), { limitMs })
  if (!asStored) return side
  if (!state) throw notAsStored(entity.topic, 'fromRow() makes its states')
  const plain = new RowsSide(
    await readerOf(rowsRead((stored) => ({ key: String(stored[keyColumn]), data: state(stored) }))),
    { limitMs },
  )
  const hashed = key && (await canHash(run)) && (await storedTable(run, { owned, table: rows.table, key, columns }))
  const digests = hashed ? new PostgresDigests(readingRun(database, { limitMs }), hashed, plain) : plain
  const samples = rowsRead((stored) => sameAsPublished(owned, stored, columns))
  return {
    async digests(range, cut) {
      const parts = await digests.digests(range, cut)
      await samples.find(parts.flatMap(({ end }) => end ?? []).slice(0, sampledRows))
      return parts
    },
    hashes: (range, limit) => digests.hashes(range, limit),
    find: (keys) => side.find(keys),
  }
}

const sampledRows = 3

/** Refuses a row of which something else is published than what is stored. */
async function sameAsPublished(owned: OwnedRows, stored: SqlRow, columns: readonly string[]): Promise<KeyedRow> {
  const { entity, keyColumn } = owned
  const [key, data] = [String(stored[keyColumn]), owned.state!(stored)]
  const told = await publishedState(owned, stored)
  const [here, there] = [data, told ?? data].map((each) => canonicalValues(each, columns))
  const column = columns.find((name) => here!.get(name) !== there!.get(name))
  if (column !== undefined) throw notAsStored(entity.topic, `its schema changes ${column} of ${key}`)
  return { key, data }
}

async function published(owned: OwnedRows, stored: SqlRow): Promise<KeyedRow> {
  const { entity, keyColumn } = owned
  // What cannot be published has nothing but its key.
  const data = (await publishedState(owned, stored)) ?? { [entity.key]: stored[keyColumn] }
  const { tidings_sequence: sequence, tidings_sourceepoch: sourceepoch } = stored
  const isKnown = sequence !== undefined && sequence !== null && sourceepoch !== undefined && sourceepoch !== null
  return {
    key: String(data[entity.key]),
    data,
    ...(isKnown && {
      version: `${String(sourceepoch).padStart(10, '0')}.${formatSequence(String(sequence))}`,
    }),
  }
}

/** What is published of a row; nothing of one that breaks the schema. */
async function publishedState(owned: OwnedRows, stored: SqlRow): Promise<Record<string, unknown> | undefined> {
  try {
    return decodeExactJson(await owned.payload(stored), owned.entity.topic) as Record<string, unknown>
  } catch (error) {
    if (error instanceof TidingsError && error.code === 'schema-violation') return undefined
    throw error
  }
}

/**
 * The version in which a row was published last, read in the same statement and so of the same moment. While everything is
 * listed again in a newer epoch nothing is said of it.
 */
function versionBeside({ dialect }: Database, { entity, keyColumn }: OwnedRows): { text: string; values: string[] } {
  const key = `r.${dialect.identifier(keyColumn)}`
  const [versions, source, bytes] =
    dialect.name === 'sqlite'
      ? ['tidings_key_version', 'tidings_source', `cast(cast(${key} as text) as blob)`]
      : ['tidings.key_version', 'tidings.outbox_source', `convert_to(${key}::text, 'UTF8')`]
  return {
    text: `,
      (select v.sequence from ${versions} v where v.topic = ${dialect.placeholder(1)} and v.key = ${bytes})
        as tidings_sequence,
      (select s.sourceepoch from ${source} s where s.listed >= s.sourceepoch) as tidings_sourceepoch`,
    values: [entity.topic],
  }
}

function notAsStored(topic: string, why: string): TidingsError {
  return new TidingsError(
    'bad-request',
    `${topic} is not published as it is stored: ${why}. Leave asStored out of its ownedEntity().`,
    { details: { topic } },
  )
}

function unknownColumns(topic: string): TidingsError {
  return new TidingsError(
    'bad-request',
    `The schema of ${topic} does not say which properties it has; name those that may be compared with "columns".`,
  )
}
