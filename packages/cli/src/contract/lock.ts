import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { ContractDescription, ContractRevision, ContractTypeDescription } from 'tidings/broker'
import { CommandError } from '../failure.ts'

export const lockFile = 'contracts.lock.json'
const lockVersion = 1

/** Which revision of each type was fetched, by service and type. */
export interface Lock {
  readonly contracts: Readonly<Record<string, LockedContract>>
}

export interface LockedContract {
  readonly types: Readonly<Record<string, LockedType>>
}

export interface LockedType {
  readonly version: number
  /** Absent where the type has no schema. */
  readonly revision?: number
  readonly digest?: string
}

/** What a lock file says; nothing where there is none. */
export function readLock(file: string): Lock {
  if (!existsSync(file)) return { contracts: {} }
  let lock: Lock & { readonly v?: unknown }
  try {
    lock = JSON.parse(readFileSync(file, 'utf8')) as typeof lock
  } catch (cause) {
    throw new CommandError(`${file} is no JSON; take it from your version control again.`, { cause })
  }
  if (lock.v === lockVersion) return { contracts: lock.contracts }
  throw new CommandError(
    `${file} was written in format ${String(lock.v)}; this version of tidings reads ${lockVersion}. Use a newer version.`,
  )
}

/** The file with one contract more, or another one of its service. */
export function writeLock(file: string, contract: ContractDescription): void {
  const contracts = { ...readLock(file).contracts, [contract.service]: lockOf(contract) }
  const sorted = Object.fromEntries(Object.entries(contracts).toSorted(([left], [right]) => (left < right ? -1 : 1)))
  writeFileSync(file, `${JSON.stringify({ v: lockVersion, contracts: sorted }, undefined, 2)}\n`)
}

function lockOf({ topics }: ContractDescription): LockedContract {
  const types = topics.flatMap((topic) => topic.types.map((type) => [type.type, lockedType(type)] as const))
  return { types: Object.fromEntries(types.toSorted(([left], [right]) => (left < right ? -1 : 1))) }
}

function lockedType(type: ContractTypeDescription): LockedType {
  const current = currentRevision(type)
  return { version: type.version, ...(current && { revision: current.revision, digest: current.digest }) }
}

/** What publishers of the newest version are held to. */
export function currentRevision({ versions }: ContractTypeDescription): ContractRevision | undefined {
  const newest = versions.at(-1)
  return newest?.revisions.find(({ revision }) => revision === newest.current)
}
