import type { CompatibilitySetting, ContractDefinition } from '../../contract/index.ts'
import type { TopicKind } from '../../engine/index.ts'
import type { JsonSchema } from './topics.ts'

export interface RegisterContractRequest extends ContractDefinition {
  /** What could not be decided is taken to be compatible: the registrant answers for it. */
  readonly acceptUndecided?: boolean
}

export type ContractVerdict = 'unchanged' | 'compatible' | 'undecided' | 'incompatible'

/** What registering a contract changes, or would change. */
export interface ContractPlan {
  readonly service: string
  /** The worst of its types. */
  readonly verdict: ContractVerdict
  /** Types that are registered and stand in the contract no more are among them: they stay as they are. */
  readonly types: readonly ContractTypePlan[]
  /** Whoever reads what is removed or altered, and whoever may. */
  readonly affected: readonly AffectedConsumer[]
}

export interface ContractTypePlan {
  readonly topic: string
  readonly type: string
  readonly version: number
  /** Absent where the type has no schema. */
  readonly revision?: number
  /** `absent`: it is registered, and the contract does not name it. */
  readonly change: 'none' | 'new-type' | 'new-revision' | 'new-version' | 'schema-dropped' | 'absent'
  readonly verdict: ContractVerdict
  readonly findings: readonly ContractFinding[]
  /** How it differs from what publishers are held to now. */
  readonly fields: readonly ChangedField[]
}

/** A rule that a change breaks, or that could not be decided. */
export interface ContractFinding {
  readonly rule: string
  /** Where in the schema, as a JSON pointer. */
  readonly path: string
  /** Who cannot read whom; absent for a rule of the contract itself. */
  readonly direction?: 'backward' | 'forward'
  /** The revision that it was compared with, as `<version>.<revision>`. */
  readonly against?: string
  readonly message: string
  /** Data that one side allows and the other refuses. */
  readonly witness?: unknown
  /** It says why nothing could be decided, and breaks nothing that is known. */
  readonly undecided?: true
}

export interface ChangedField {
  /** A JSON pointer into the data, with `*` for any item of an array or any other member; '' is all of it. */
  readonly field: string
  readonly change: 'added' | 'removed' | 'altered'
}

export interface AffectedConsumer {
  readonly topic: string
  readonly consumer: string
  readonly service: string
  readonly as: ContractConsumer['as']
  readonly types: readonly string[]
  /** Those of its fields that change; empty where nothing is known of what it reads. */
  readonly fields: readonly string[]
  readonly known: 'declared' | 'observed' | 'nothing'
}

/** A contract as the registry knows it. */
export interface ContractDescription {
  readonly service: string
  readonly description?: string
  readonly compatibility: CompatibilitySetting
  /** Absent where topics of the service exist and no contract was registered for them. Milliseconds since 1970. */
  readonly registered?: { readonly at: number; readonly by: string }
  readonly topics: readonly ContractTopicDescription[]
}

export interface ContractTopicDescription {
  readonly topic: string
  readonly kind: TopicKind
  readonly description?: string
  readonly key?: string
  readonly replies?: true
  readonly compatibility: CompatibilitySetting
  readonly types: readonly ContractTypeDescription[]
  readonly consumers: readonly ContractConsumer[]
}

export interface ContractTypeDescription {
  readonly type: string
  readonly description?: string
  /** The newest. */
  readonly version: number
  /** By number, oldest first; empty where the topic has a schema that was never registered. */
  readonly versions: readonly ContractVersion[]
  /** What publishers are held to; absent in lists, and where they are held to nothing. */
  readonly schema?: JsonSchema
  readonly result?: JsonSchema
}

export interface ContractVersion {
  readonly version: number
  readonly oldestVersion: number
  /** The revision that publishers of this version are held to; absent where they are held to nothing. */
  readonly current?: number
  /** In the order in which they were registered, from 1. */
  readonly revisions: readonly ContractRevision[]
}

export interface ContractRevision {
  readonly revision: number
  /** `sha256:` and the hexadecimal SHA-256 of the schema as JSON with its members in order and no space. */
  readonly digest: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly by: string
  /** Absent in lists. */
  readonly schema?: JsonSchema
}

/** Somebody who reads a topic. */
export interface ContractConsumer {
  /** Its durable name: that of a subscription, or what it was reported as. */
  readonly consumer: string
  readonly service: string
  /** `subscription`: it consumes, and has not said what. */
  readonly as: 'replica' | 'handler' | 'subscription'
  /** Those that its filter names; absent where it names none. */
  readonly types?: readonly string[]
  /** Absent where nothing is known of what it reads. */
  readonly needs?: {
    /** Seen while it ran, so that more may be read than is known; otherwise declared and complete. */
    readonly observed: boolean
    /** When it was reported last, to the hour, in milliseconds since 1970. */
    readonly seenAt: number
    readonly fields: readonly { readonly field: string; readonly seenAt: number }[]
  }
}

/** What consumers of one service read. */
export interface ReportNeedsRequest {
  readonly service: string
  /** At most 100 in a call. */
  readonly needs: readonly ConsumerNeeds[]
}

export interface ConsumerNeeds {
  readonly topic: string
  /** Its durable name, which begins with that of its service: `marketing.thank-buyer`. */
  readonly consumer: string
  readonly as: 'replica' | 'handler'
  /** JSON pointers into the data, with `*` for any item of an array; '' is everything. */
  readonly fields: readonly string[]
  /** Seen while it ran: added to what was seen before. Otherwise declared and complete: it replaces what was known. */
  readonly observed: boolean
}
