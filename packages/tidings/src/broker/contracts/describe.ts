import type { StoredTopic } from '../catalog.ts'
import type {
  ContractConsumer,
  ContractDescription,
  ContractTopicDescription,
  ContractTypeDescription,
  ContractVersion,
} from '../port/contracts.ts'
import type { JsonSchema } from '../port/topics.ts'
import {
  compatibilityOf,
  currentDigest,
  newestOf,
  type StoredContract,
  type StoredContractTopic,
  type StoredContractType,
  type StoredVersion,
} from './stored.ts'

interface Described {
  readonly service: string
  readonly contract: StoredContract | undefined
  /** Those of the service that the caller may see. */
  readonly topics: readonly StoredTopic[]
  readonly consumers: ReadonlyMap<string, readonly ContractConsumer[]>
  /** Absent where schemas are left out. */
  readonly schema?: (digest: string) => JsonSchema | undefined
}

export function describeContract(described: Described): ContractDescription {
  const { service, contract, topics } = described
  return {
    service,
    ...(contract?.description !== undefined && { description: contract.description }),
    compatibility: compatibilityOf(contract ?? {}),
    ...(contract && { registered: { at: contract.at, by: contract.by } }),
    topics: topics.map((topic) => describeTopic(topic, described)),
  }
}

function describeTopic(topic: StoredTopic, described: Described): ContractTopicDescription {
  const { contract, consumers } = described
  const stored = contract?.topics.find((each) => each.topic === topic.topic)
  return {
    topic: topic.topic,
    kind: topic.kind,
    ...(stored?.description !== undefined && { description: stored.description }),
    ...(stored?.key !== undefined && { key: stored.key }),
    ...(topic.replies && { replies: true }),
    compatibility: compatibilityOf(contract ?? {}, stored),
    types: typesOf(topic, stored, described),
    consumers: consumers.get(topic.topic) ?? [],
  }
}

function typesOf(
  topic: StoredTopic,
  stored: StoredContractTopic | undefined,
  { schema: find }: Described,
): readonly ContractTypeDescription[] {
  if (stored) return stored.types.map((type) => describeType(type, find))
  return Object.entries(topic.schemas ?? {}).map(([type, schema]) => ({
    ...{ type, version: 1, versions: [] },
    ...(find && { schema }),
  }))
}

function describeType(type: StoredContractType, find: Described['schema']): ContractTypeDescription {
  const newest = newestOf(type)
  const digest = currentDigest(newest)
  const schema = digest === undefined ? undefined : find?.(digest)
  const result = type.result === undefined ? undefined : find?.(type.result)
  return {
    type: type.type,
    ...(type.description !== undefined && { description: type.description }),
    version: newest.version,
    versions: type.versions.map((version) => describeVersion(version, find)),
    ...(schema !== undefined && { schema }),
    ...(result !== undefined && { result }),
  }
}

function describeVersion(version: StoredVersion, find: Described['schema']): ContractVersion {
  const { current, revisions } = version
  return {
    version: version.version,
    oldestVersion: version.oldestVersion,
    ...(current !== undefined && { current }),
    revisions: revisions.map(({ digest, at, by }, index) => {
      const schema = find?.(digest)
      return { revision: index + 1, digest, at, by, ...(schema !== undefined && { schema }) }
    }),
  }
}
