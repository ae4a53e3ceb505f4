import { schemaDigest } from '../../contract/index.ts'
import { TidingsError } from '../../errors.ts'
import type { Catalog, StoredTopic } from '../catalog.ts'
import type { JsonSchema, TopicDefinition } from '../port/topics.ts'
import { currentDigest, newestOf, type StoredContract, type StoredContractTopic } from './stored.ts'

type HeldSchemas = Pick<StoredTopic, 'schemas' | 'versions'>

/**
 * What publishers to a topic are held to: the schemas of its contract, where one is registered, and otherwise those of the
 * definition. Schemas in a definition that are none of the contract's are refused.
 */
export async function heldSchemas(catalog: Catalog, definition: TopicDefinition): Promise<HeldSchemas> {
  const { topic: name, owner, schemas } = definition
  const contract = await catalog.find('contract', owner)
  const topic = contract?.topics.find((each) => each.topic === name)
  if (!topic || topic.types.length === 0) return schemas ? { schemas } : {}
  for (const [type, schema] of Object.entries(schemas ?? {})) {
    const digest = schemaDigest(schema)
    const versions = topic.types.find((each) => each.type === type)?.versions ?? []
    if (versions.some(({ revisions }) => revisions.some((each) => each.digest === digest))) continue
    throw new TidingsError(
      'topic-conflict',
      `Topic ${name} has the schemas of the contract of ${owner}, and this one of ${type} is not among them; register it with the contract (tidings contract push).`,
      { details: { topic: name, type } },
    )
  }
  return schemasOf(topic, (digest) => catalog.known('schema', digest)?.schema)
}

function schemasOf(topic: StoredContractTopic, find: (digest: string) => JsonSchema | undefined): HeldSchemas {
  const schemas: Record<string, JsonSchema> = {}
  const versions: Record<string, Record<string, JsonSchema>> = {}
  let isHeld = false
  for (const type of topic.types) {
    const held = type.versions.map((version) => {
      const digest = currentDigest(version)
      isHeld ||= digest !== undefined
      // A type that is held to nothing stands beside others that are: everything of it is let in.
      return [String(version.version), digest === undefined ? true : (find(digest) ?? true)] as const
    })
    schemas[type.type] = held.at(-1)![1]
    if (newestOf(type).version > 1) versions[type.type] = Object.fromEntries(held)
  }
  if (!isHeld && Object.keys(versions).length === 0) return {}
  return { schemas, ...(Object.keys(versions).length > 0 && { versions }) }
}

/** What is left of a contract without one of its topics; `null` where nothing is. */
export function withoutTopic(contract: StoredContract, topic: string): StoredContract | null {
  const topics = contract.topics.filter((each) => each.topic !== topic)
  return topics.length === 0 ? null : { ...contract, topics }
}
