import type { CauseKind } from 'tidings/drift'
import type { CopyName } from '../tidings/copies.ts'

/** A way to break a copy: what is done, in which copy it shows, and what it has to be called when it is found. */
export interface FaultKind {
  readonly did: string
  readonly copy: CopyName
  readonly cause: CauseKind
}

export const kinds = {
  around: { did: 'address changed by SQL, past the service', copy: 'marketing', cause: 'never-published' },
  'taken-out': { did: 'event taken out of the outbox by SQL', copy: 'marketing', cause: 'never-published' },
  cut: { did: 'relay cut off from the server', copy: 'marketing', cause: 'not-relayed' },
  refused: { did: 'refused by a new schema at the server', copy: 'marketing', cause: 'refused' },
  failing: { did: "refused by the copy's database", copy: 'analytics', cause: 'retrying' },
  'given-up': { did: 'refused there until it was given up', copy: 'analytics', cause: 'dead-lettered' },
  behind: { did: 'changed once more behind one of those', copy: 'analytics', cause: 'parked' },
  swallowed: { did: 'acknowledged, and its write swallowed', copy: 'analytics', cause: 'effect-missing' },
  older: { did: 'older version written into the copy', copy: 'marketing', cause: 'out-of-order' },
  edited: { did: 'address edited in the copy', copy: 'marketing', cause: 'written-locally' },
  removed: { did: 'row deleted in the copy', copy: 'marketing', cause: 'deleted-behind' },
  restored: { did: 'CRM put back to a database of before', copy: 'marketing', cause: 'restored' },
} as const satisfies Readonly<Record<string, FaultKind>>

export type KindName = keyof typeof kinds

/** Those of a table that a team keeps by itself, which analytics does in Python. */
export const needPython: readonly KindName[] = ['failing', 'given-up', 'behind', 'swallowed']

/** By kind, the customers to whom it is done. */
export type Targets = Readonly<Record<KindName, readonly string[]>>
