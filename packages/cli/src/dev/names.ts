import { defineContract, defineEntity, type Entity, type StandardSchemaV1 } from 'tidings'
import { UsageError } from '../failure.ts'

/** The service whose entities the captured tables are. */
const service = 'dev'

/** What everything is called that belongs to a captured table; from its name alone, so that it can be found again. */
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

/** Names for a table as SQL has it: `customers`, `sales.orders`, `"Order Items"`. */
export function namesOf(table: string): TableNames {
  const [name = '', schema = 'public'] = identifiersOf(table).toReversed()
  const copy = schema === 'public' ? name : `${schema}_${name}`
  const words = copy.toLowerCase().match(/[a-z0-9]+/g) ?? []
  const all = /^[a-z]/.test(words[0] ?? '') ? words : ['table', ...words]
  const entity = all.map((word, place) => (place === 0 ? word : word[0]!.toUpperCase() + word.slice(1))).join('')
  const { topic } = entityOf(entity, 'key')
  const capture = topic.replaceAll(/[^a-z0-9]/g, '_').slice(0, 50)
  return { entity, topic, capture, slot: `tidings_${capture}`, copy }
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
