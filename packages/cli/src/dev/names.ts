import { createHash } from 'node:crypto'
import { defineContract, defineEntity, type Entity, type StandardSchemaV1 } from 'tidings'
import { UsageError } from '../failure.ts'

/** The service whose entities the captured tables are. */
const service = 'dev'

/** What everything is called that belongs to a captured table; from names alone, so that it can be found again. */
export interface TableNames {
  /** Of the entity in a contract. */
  readonly entity: string
  readonly topic: string
  /** Of the capture, and after `tidings_` of its slot and publication. */
  readonly capture: string
  readonly slot: string
  /** Of the copy. */
  readonly copy: string
}

/** What the table of the copy is called, of a table as SQL has it: `customers`, `sales.orders`, `"Order Items"`. */
export function copyTableOf(table: string): string {
  const [name = '', schema = 'public'] = identifiersOf(table).toReversed()
  return schema === 'public' ? name : `${schema}_${name}`
}

/** Names for a table of the database at this address. */
export function namesOf(table: string, url: string): TableNames {
  const copy = copyTableOf(table)
  const words = copy.toLowerCase().match(/[a-z0-9]+/g) ?? []
  const all = /^[a-z]/.test(words[0] ?? '') ? words : ['table', ...words]
  const entity = all.map((word, place) => (place === 0 ? word : word[0]!.toUpperCase() + word.slice(1))).join('')
  const { topic } = entityOf(entity, 'key')
  const capture = captureName(`${service}_${databaseOf(url)}_${topic.slice(service.length + 1)}`)
  return { entity, topic, capture, slot: `tidings_${capture}`, copy }
}

/** All databases of a server share the names of slots, so the database is in the name of the capture. */
function databaseOf(url: string): string {
  const { pathname, username } = new URL(url)
  return decodeURIComponent(pathname.slice(1) || username)
}

const longestName = 50

function captureName(text: string): string {
  const name = text.toLowerCase().replaceAll(/[^a-z0-9]/g, '_')
  if (name.length <= longestName) return name
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 8)
  return `${name.slice(0, longestName - digest.length - 1)}_${digest}`
}

/** The parts of a name, as PostgreSQL reads it. */
function identifiersOf(table: string): readonly string[] {
  if (!/^(?:"(?:[^"]|"")+"|[^".\s]+)(?:\.(?:"(?:[^"]|"")+"|[^".\s]+))?$/.test(table)) {
    throw new UsageError(
      `"${table}" is no name of a table; write it as in SQL: customers, sales.orders, '"Order Items"'.`,
    )
  }
  const parts = table.match(/"(?:[^"]|"")+"|[^".]+/g) ?? []
  return parts.map((part) => (part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part.toLowerCase()))
}

/** The entity that the rows of a table are. */
export function entityOf(name: string, key: string): Entity {
  const contract = defineContract(service, { [name]: defineEntity({ key, schema: anyState }) })
  return contract[name] as Entity
}

/** What a table holds is not known before it is read, and it is never read as a value. */
const anyState: StandardSchemaV1<Record<string, string>, Record<string, string>> = {
  '~standard': { version: 1, vendor: 'tidings', validate: (value) => ({ value: value as Record<string, string> }) },
}
