import type { CapturePool } from '../capture/client.ts'
import { decodeExactJson, type Entity } from '../contract/index.ts'
import type { Database, SqlRow } from '../database/index.ts'
import { TidingsError } from '../errors.ts'
import { formatSequence } from '../event/index.ts'
import type { OwnedRows, Service } from '../service/index.ts'
import { DatabaseRows } from './database-rows.ts'
import { keyOfColumn } from './postgres/keys.ts'
import { postgresReader, runOn } from './postgres/reader.ts'
import { RowsSide, type KeyedRow } from './rows-side.ts'
import type { Side } from './side.ts'
import { openTable } from './source.ts'
import { sqliteReader } from './sqlite-rows.ts'
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
}): Verifiable {
  const { service, entity } = options
  const { topic, key } = entity
  const columns = options.columns ?? service['~owned'](topic).rows.properties?.filter((name) => name !== key)
  if (columns === undefined) throw unknownColumns(topic)
  return {
    topic,
    key,
    columns,
    open: async (wanted) => {
      const { database, rows } = service['~owned'](topic)
      return openOwned(database, rows, wanted)
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
}): Verifiable {
  const { pool, table, columns } = options
  const { topic, key } = options.entity
  return { topic, key, columns, open: (wanted) => openTable({ pool, table, key, columns: wanted }) }
}

async function openOwned(database: Database, owned: OwnedRows, columns: readonly string[]): Promise<Side> {
  const { entity } = owned
  const shape = { key: entity.key, columns }
  const rows = new DatabaseRows({
    database,
    table: owned.table,
    keyColumn: owned.keyColumn,
    // No number has another text than its own: 07 is no key where 7 is one.
    keyValues: (key) => [owned.keyValue(key)].filter((value) => String(value) === key),
    beside: versionBeside(database, owned),
    read: (stored) => published(owned, stored),
  })
  if (database.dialect.name === 'sqlite') return new RowsSide(await sqliteReader(rows, shape))
  const key = await keyOfColumn(runOn(database), owned)
  return new RowsSide(postgresReader(rows, key, shape))
}

async function published(owned: OwnedRows, stored: SqlRow): Promise<KeyedRow> {
  const { entity } = owned
  const data = await stateOf(owned, stored)
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

/** What is published of a row. One that breaks the schema cannot be published, and has nothing but its key. */
async function stateOf(owned: OwnedRows, stored: SqlRow): Promise<Readonly<Record<string, unknown>>> {
  const { entity, keyColumn } = owned
  try {
    return decodeExactJson(await owned.payload(stored), entity.topic) as Record<string, unknown>
  } catch (error) {
    if (!(error instanceof TidingsError) || error.code !== 'schema-violation') throw error
    return { [entity.key]: stored[keyColumn] }
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

function unknownColumns(topic: string): TidingsError {
  return new TidingsError(
    'bad-request',
    `The schema of ${topic} does not say which properties it has; name those that may be compared with "columns".`,
  )
}
