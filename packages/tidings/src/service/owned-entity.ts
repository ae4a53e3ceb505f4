import { encodePayload, type Entity, type JsonSchema } from '../contract/index.ts'
import type { Dialect, SqlRow, SqlValue, Transaction } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'
import type { AttributeValue, Event } from '../event/index.ts'
import type { EntityChange, Listing, OwnedEntity } from '../outbox/index.ts'
import { fromColumns, isNumeric, propertyNames, typesOfProperty } from './columns.ts'
import type { OwnsOptions } from './types.ts'

export interface Owned {
  readonly entity: Entity
  /** The entity as the outbox publishes it, with attributes for the events of one transaction. */
  for(attributes: Readonly<Record<string, AttributeValue>>): OwnedEntity
  readonly listing: Listing
  readonly rows: OwnedRows
}

/** The table of an entity as its owner publishes it, for comparisons with copies. */
export interface OwnedRows {
  readonly entity: Entity
  readonly table: string
  readonly keyColumn: string
  readonly keyValue: (key: string) => SqlValue
  /** The properties that are known to be published; `undefined` where the schema does not say. */
  readonly properties: readonly string[] | undefined
  /** The JSON types that the schema allows for a property; `undefined` where it does not say so plainly. */
  readonly typesOf: (property: string) => ReadonlySet<string> | undefined
  /** The state of a row before the schema sees it; absent where `fromRow` makes it. */
  readonly state?: (row: SqlRow) => Readonly<Record<string, unknown>>
  /** What would be published of a row: its payload, as the schema leaves it. */
  readonly payload: (row: SqlRow) => Promise<Uint8Array | undefined>
}

/** Ties an entity of the service to its table. */
export function ownedEntity(
  entity: Entity,
  options: OwnsOptions,
  parts: () => { readonly dialect: Dialect; readonly environment: Environment },
): Owned {
  const schema = entity.jsonSchema
  const names = () => {
    const { dialect } = parts()
    return {
      table: dialect.identifier(options.table),
      keyColumn: dialect.identifier(options.keyColumn ?? entity.key),
      first: dialect.placeholder(1),
      second: dialect.placeholder(2),
    }
  }
  const keyValue = (key: string): SqlValue => (isNumeric(schema, entity.key) ? Number(key) : key)

  const readRow = (transaction: Transaction, key: string): Promise<SqlRow | undefined> =>
    transaction.readRow(options.table, options.keyColumn ?? entity.key, keyValue(key))
  const keysAfter: Listing['keysAfter'] = async (transaction, after, limit) => {
    const { table, keyColumn, first, second } = names()
    const [condition, values, count] =
      after === undefined ? ['', [limit], first] : [`where ${keyColumn} > ${first}`, [keyValue(after), limit], second]
    const rows = await transaction.query<{ key: SqlValue }>(
      `select ${keyColumn} as key from ${table} ${condition} order by ${keyColumn} limit ${count}`,
      values,
    )
    return rows.map(({ key }) => String(key))
  }
  const stateOf = (row: SqlRow): unknown =>
    options.fromRow ? options.fromRow(row) : fromColumns(row, schema, entity.key, options.keyColumn)

  const owned = (attributes: Readonly<Record<string, AttributeValue>>): OwnedEntity => ({
    topic: entity.topic,
    readRow,
    eventFor: (change) => eventFor(entity, change, stateOf, attributes, parts().environment),
  })
  const rows: OwnedRows = {
    entity,
    table: options.table,
    keyColumn: options.keyColumn ?? entity.key,
    keyValue,
    properties: propertyNames(schema),
    typesOf: (property) => typesOfProperty(schema, property),
    ...(!options.fromRow && { state: (row: SqlRow) => fromColumns(row, schema, entity.key, options.keyColumn) }),
    payload: async (row) => (await encodePayload(entity.updated, stateOf(row))).data,
  }
  return { entity, for: owned, listing: { entity: owned({}), keysAfter }, rows }
}

async function eventFor(
  entity: Entity,
  change: EntityChange,
  stateOf: (row: SqlRow) => unknown,
  attributes: Readonly<Record<string, AttributeValue>>,
  environment: Environment,
): Promise<Event> {
  const type = entity[change.change]
  const state =
    change.change === 'deleted'
      ? { [entity.key]: typedKey(entity.jsonSchema, entity.key, change.key) }
      : stateOf(change.row)
  const payload = await encodePayload(type, state)
  return {
    id: environment.ids.next(),
    source: entity.service,
    type: type.type,
    time: new Date(environment.clock.now()).toISOString(),
    ...payload,
    key: change.key,
    ...(Object.keys(attributes).length === 0 ? {} : { extensions: attributes }),
  }
}

function typedKey(schema: JsonSchema | undefined, property: string, key: string): string | number {
  return isNumeric(schema, property) ? Number(key) : key
}
