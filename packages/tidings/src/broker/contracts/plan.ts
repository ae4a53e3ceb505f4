import {
  schemaDigest,
  type CompatibilitySetting,
  type ContractTopicDefinition,
  type ContractTypeDefinition,
} from '../../contract/index.ts'
import type { StoredTopic } from '../catalog.ts'
import type { ContractFinding, ContractTypePlan, ContractVerdict, RegisterContractRequest } from '../port/contracts.ts'
import type { JsonSchema } from '../port/topics.ts'
import { compareRevisions, type CheckCompatibility } from './compare.ts'
import type { TypeChange } from './consumers.ts'
import { changedFields } from './schema-fields.ts'
import {
  compatibilityOf,
  currentDigest,
  newestOf,
  type StoredContract,
  type StoredContractTopic,
  type StoredContractType,
  type StoredVersion,
} from './stored.ts'

/** What a contract is compared with. */
export interface Known {
  readonly contract: StoredContract | undefined
  readonly topic: (name: string) => StoredTopic | undefined
  readonly schema: (digest: string) => JsonSchema | undefined
  readonly check: CheckCompatibility | undefined
}

/** What a registration comes to. */
export interface Planned {
  readonly types: readonly ContractTypePlan[]
  /** Those of them whose schema changes, with both. */
  readonly changes: readonly TypeChange[]
  readonly next: StoredContract
  /** What `next` refers to and the registry may not have, by digest. */
  readonly schemas: ReadonlyMap<string, JsonSchema>
}

/** Compares a contract with what is registered, type by type. It changes nothing. */
export async function planContract(
  request: RegisterContractRequest,
  known: Known,
  by: { readonly at: number; readonly by: string },
): Promise<Planned> {
  const schemas = new Map<string, JsonSchema>()
  const types: ContractTypePlan[] = []
  const changes: TypeChange[] = []
  const topics: StoredContractTopic[] = []
  const compared = new Map<string, Promise<readonly ContractFinding[]>>()
  for (const topic of request.topics) {
    const setting = compatibilityOf(request, topic)
    const registered = known.contract?.topics.find((each) => each.topic === topic.topic)
    const present = registered?.types ?? adopted(known.topic(topic.topic), schemas, by)
    const planned = await Promise.all(
      topic.types.map((type) => {
        const before = present.find((each) => each.type === type.type)
        return new TypePlanner({
          topic,
          type,
          setting,
          before,
          keyBefore: registered?.key,
          known,
          schemas,
          compared,
          by,
        }).plan()
      }),
    )
    types.push(...planned.map(({ plan }) => plan))
    changes.push(...planned.flatMap(({ change }) => change ?? []))
    const kept = present.filter(({ type }) => !topic.types.some((each) => each.type === type))
    types.push(...kept.map((type) => absent(topic.topic, type)))
    topics.push(storedTopic(topic, [...planned.map(({ next }) => next), ...kept]))
  }
  // What a contract names no more stays: an older process of the same service may be registering after a newer one.
  const left = known.contract?.topics.filter(({ topic }) => !request.topics.some((each) => each.topic === topic)) ?? []
  for (const { topic, types: kept } of left) types.push(...kept.map((type) => absent(topic, type)))
  const { service, description, compatibility } = request
  const next = {
    service,
    ...(description !== undefined && { description }),
    ...(compatibility && { compatibility }),
    ...by,
    topics: [...topics, ...left],
  }
  return { types, changes, next, schemas }
}

/** What a topic was given before it had a contract is the first revision of each of its types. */
function adopted(
  topic: StoredTopic | undefined,
  schemas: Map<string, JsonSchema>,
  { at }: { readonly at: number },
): readonly StoredContractType[] {
  return Object.entries(topic?.schemas ?? {}).map(([type, schema]) => {
    const digest = schemaDigest(schema)
    schemas.set(digest, schema)
    const revisions = [{ digest, at, by: topic!.owner }]
    return { type, versions: [{ version: 1, oldestVersion: 1, current: 1, revisions }] }
  })
}

function absent(topic: string, type: StoredContractType): ContractTypePlan {
  const { version, current } = newestOf(type)
  const plan = {
    topic,
    type: type.type,
    version,
    change: 'absent',
    verdict: 'unchanged',
    findings: [],
    fields: [],
  } as const
  return current === undefined ? plan : { ...plan, revision: current }
}

function storedTopic(
  { topic, kind, description, key, replies, compatibility }: ContractTopicDefinition,
  types: readonly StoredContractType[],
): StoredContractTopic {
  return {
    topic,
    kind,
    ...(description !== undefined && { description }),
    ...(key !== undefined && { key }),
    ...(replies && { replies }),
    ...(compatibility && { compatibility }),
    types,
  }
}

interface TypeParts {
  readonly topic: ContractTopicDefinition
  readonly type: ContractTypeDefinition
  readonly setting: CompatibilitySetting
  readonly before: StoredContractType | undefined
  readonly keyBefore: string | undefined
  readonly known: Known
  readonly schemas: Map<string, JsonSchema>
  /** What came of comparing schemas: types of one entity have the same. */
  readonly compared: Map<string, Promise<readonly ContractFinding[]>>
  readonly by: { readonly at: number; readonly by: string }
}

/** Compares one type of a contract with its revisions. */
class TypePlanner {
  readonly #parts: TypeParts
  readonly #version: number
  readonly #present: StoredVersion | undefined

  constructor(parts: TypeParts) {
    this.#parts = parts
    this.#version = parts.type.version ?? 1
    this.#present = parts.before?.versions.find(({ version }) => version === this.#version)
  }

  async plan(): Promise<{
    readonly plan: ContractTypePlan
    readonly change: TypeChange | undefined
    readonly next: StoredContractType
  }> {
    const { topic, type, before } = this.#parts
    const digest = type.schema === undefined ? undefined : this.#keep(type.schema)
    const result = type.result === undefined ? undefined : this.#keep(type.result)
    const change = this.#change(digest)
    const findings = [...this.#otherKey(), ...this.#unreadable(), ...(await this.#broken(change, digest))]
    const version = this.#nextVersion(digest)
    const versions = [...(before?.versions ?? []).filter((each) => each.version !== this.#version), version]
    const next = {
      type: type.type,
      ...(type.description !== undefined && { description: type.description }),
      ...(result !== undefined && { result }),
      versions: versions.toSorted((left, right) => left.version - right.version),
    }
    const schemas = change === 'none' || change === 'new-type' ? undefined : this.#schemas(type.schema)
    const plan = {
      topic: topic.topic,
      type: type.type,
      version: this.#version,
      ...(version.current !== undefined && { revision: this.#numberOf(version, digest) }),
      change,
      verdict: verdictOf(change, findings),
      findings,
      fields: schemas ? changedFields(schemas.before, schemas.after) : [],
    }
    return { plan, change: schemas && { plan, ...schemas }, next }
  }

  #keep(schema: JsonSchema): string {
    const digest = schemaDigest(schema)
    this.#parts.schemas.set(digest, schema)
    return digest
  }

  #schema(digest: string): JsonSchema {
    return this.#parts.schemas.get(digest) ?? this.#parts.known.schema(digest) ?? true
  }

  #change(digest: string | undefined): ContractTypePlan['change'] {
    const { before } = this.#parts
    if (!before) return 'new-type'
    if (!this.#present) return 'new-version'
    if (digest === undefined) return this.#present.current === undefined ? 'none' : 'schema-dropped'
    return this.#present.revisions.some((each) => each.digest === digest) ? 'none' : 'new-revision'
  }

  /** The number of the revision that was registered, which need not be the current one. */
  #numberOf(version: StoredVersion, digest: string | undefined): number {
    const index = version.revisions.findIndex((each) => each.digest === digest)
    return index === -1 ? version.current! : index + 1
  }

  #nextVersion(digest: string | undefined): StoredVersion {
    const { type, setting, by } = this.#parts
    const { revisions = [], current } = this.#present ?? {}
    const base = { version: this.#version, oldestVersion: type.oldestVersion ?? this.#version }
    if (digest === undefined) return { ...base, revisions }
    const index = revisions.findIndex((each) => each.digest === digest)
    if (index === -1) return { ...base, current: revisions.length + 1, revisions: [...revisions, { digest, ...by }] }
    // An older process registers what it knows. Where the newest schema takes what is written by an older one, it stays.
    const newestTakesIt = setting.mode.startsWith('backward') || setting.mode.startsWith('full')
    return { ...base, current: newestTakesIt && current !== undefined ? current : index + 1, revisions }
  }

  #otherKey(): readonly ContractFinding[] {
    const { topic, setting, keyBefore } = this.#parts
    if (topic.kind !== 'entity' || keyBefore === undefined || topic.key === keyBefore || setting.mode === 'none')
      return []
    const message = `The key of ${topic.topic} was "${keyBefore}" and is "${topic.key}" in this contract: an entity with another key is another entity, so give it another name; or set its compatibility to none, where nobody keeps a copy of it.`
    return [{ rule: 'key-changed', path: '', message }]
  }

  /** Stored events of earlier versions must stay readable. */
  #unreadable(): readonly ContractFinding[] {
    const { type, setting, before } = this.#parts
    const oldest = type.oldestVersion ?? this.#version
    const others = (before?.versions ?? []).map(({ version }) => version).filter((each) => each !== this.#version)
    const above = others.filter((each) => each > this.#version)
    if (setting.mode === 'none' || others.length === 0) return []
    const below = others.filter((each) => each < this.#version)
    const needed = setting.mode.endsWith('-transitive') ? Math.min(...below) : Math.max(...below)
    const findings: ContractFinding[] = []
    if (below.length > 0 && oldest > needed) {
      findings.push({
        rule: 'version-without-upcast',
        path: '',
        direction: 'backward',
        against: String(needed),
        message: `Version ${this.#version} of ${type.type} reads events from version ${oldest} on, and events of version ${needed} are stored; give the definition an upcast from version ${needed} (upcasts: { ${needed}: (data) => … }), or set the compatibility of ${this.#parts.topic.topic} to none.`,
      })
    }
    const reader = before!.versions.find(({ version }) => above.includes(version))
    if (!this.#present && reader && reader.oldestVersion > this.#version) {
      findings.push({
        rule: 'version-not-read',
        path: '',
        direction: 'backward',
        against: String(reader.version),
        message: `Version ${reader.version} of ${type.type} is registered and reads events from version ${reader.oldestVersion} on, so nobody could read version ${this.#version}; publish a newer version.`,
      })
    }
    return findings
  }

  async #broken(change: ContractTypePlan['change'], digest: string | undefined): Promise<readonly ContractFinding[]> {
    const { setting, type, known, compared } = this.#parts
    if (setting.mode === 'none') return []
    if (change === 'schema-dropped') {
      const message = `${type.type} had a schema and has none in this contract, so nothing can be said of what it will carry; give the definition a jsonSchema if its library cannot write one.`
      return [{ rule: 'schema-dropped', path: '', message, undecided: true }]
    }
    if (change !== 'new-revision' || digest === undefined) return []
    const revisions = this.#present!.revisions.map((each, index) => ({ ...each, number: index + 1 }))
    const against = setting.mode.endsWith('-transitive')
      ? revisions
      : revisions.filter(({ number }) => number === (this.#present!.current ?? revisions.length))
    const before = against.map(({ number, digest: earlier }) => {
      return { name: `${this.#version}.${number}`, schema: this.#schema(earlier) }
    })
    const question = JSON.stringify([setting, against.map(({ digest: earlier, number }) => [number, earlier]), digest])
    const asked = compared.get(question) ?? compareRevisions(known.check, { before, after: type.schema!, setting })
    compared.set(question, asked)
    return asked
  }

  /** What publishers are held to before and after; nothing where they were held to nothing. */
  #schemas(after: JsonSchema = true): { readonly before: JsonSchema; readonly after: JsonSchema } | undefined {
    const digest = currentDigest(this.#present ?? newestOf(this.#parts.before!))
    return digest === undefined ? undefined : { before: this.#schema(digest), after }
  }
}

function verdictOf(change: ContractTypePlan['change'], findings: readonly ContractFinding[]): ContractVerdict {
  if (findings.some(({ undecided }) => !undecided)) return 'incompatible'
  if (findings.length > 0) return 'undecided'
  return change === 'none' ? 'unchanged' : 'compatible'
}
