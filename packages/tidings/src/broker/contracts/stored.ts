import type { CompatibilitySetting } from '../../contract/index.ts'
import type { TopicKind } from '../../engine/index.ts'
import type { ContractConsumer } from '../port/contracts.ts'
import type { JsonSchema } from '../port/topics.ts'

/**
 * The contract of a service as the catalogue keeps it. It refers to schemas by their digest: they are written before it,
 * never change, and two that are equal are one.
 */
export interface StoredContract {
  readonly service: string
  readonly description?: string
  readonly compatibility?: Partial<CompatibilitySetting>
  /** Of its last change. */
  readonly at: number
  readonly by: string
  readonly topics: readonly StoredContractTopic[]
}

export interface StoredContractTopic {
  readonly topic: string
  readonly kind: TopicKind
  readonly description?: string
  readonly key?: string
  readonly replies?: true
  readonly compatibility?: Partial<CompatibilitySetting>
  readonly types: readonly StoredContractType[]
}

export interface StoredContractType {
  readonly type: string
  readonly description?: string
  /** The digest of a schema. */
  readonly result?: string
  /** By number, oldest first. */
  readonly versions: readonly StoredVersion[]
}

export interface StoredVersion {
  readonly version: number
  readonly oldestVersion: number
  /** The number of the revision that publishers are held to. */
  readonly current?: number
  /** The first has the number 1. */
  readonly revisions: readonly StoredRevision[]
}

export interface StoredRevision {
  readonly digest: string
  readonly at: number
  readonly by: string
}

export interface StoredSchema {
  readonly schema: JsonSchema
}

/** What one consumer was reported to read. */
export interface StoredNeeds {
  readonly consumer: string
  readonly service: string
  readonly topic: string
  readonly as: Exclude<ContractConsumer['as'], 'subscription'>
  readonly observed: boolean
  readonly seenAt: number
  /** When each field was reported last. */
  readonly fields: Readonly<Record<string, number>>
}

const defaultCompatibility: CompatibilitySetting = { mode: 'full-transitive', policy: 'lenient' }

/** What is asked of a topic: what it says itself comes before what its contract says. */
export function compatibilityOf(
  contract: Pick<StoredContract, 'compatibility'>,
  topic?: Pick<StoredContractTopic, 'compatibility'>,
): CompatibilitySetting {
  return { ...defaultCompatibility, ...contract.compatibility, ...topic?.compatibility }
}

/** The newest version of a type; every stored type has one. */
export function newestOf(type: Pick<StoredContractType, 'versions'>): StoredVersion {
  return type.versions.at(-1)!
}

/** The digest of what publishers of a version are held to. */
export function currentDigest(version: StoredVersion | undefined): string | undefined {
  return version?.current === undefined ? undefined : version.revisions[version.current - 1]?.digest
}
