import type { CauseKind } from 'tidings/drift'
import type { CopyName } from '../tidings/copies.ts'
import { kinds, type KindName } from './kinds.ts'

/** A fault that was really done. */
export interface Done {
  readonly kind: KindName
  readonly key: string
}

/** A difference that was found, with the name of its cause. */
export interface Found {
  readonly copy: CopyName
  readonly key: string
  readonly cause: CauseKind
}

export interface Judged {
  readonly kind: KindName
  readonly done: number
  readonly found: number
  /** What those that were found are called, each once. */
  readonly names: readonly CauseKind[]
}

export interface Judgement {
  readonly kinds: readonly Judged[]
  /** What was found and nobody did. */
  readonly others: readonly Found[]
  /** Everything that was done was found under its own name, and nothing else. */
  readonly holds: boolean
}

/** Compares what was found with what was done. */
export function judge(done: readonly Done[], found: readonly Found[]): Judgement {
  const explained = new Set<Found>()
  const judged = [...new Set(done.map(({ kind }) => kind))].map((kind): Judged => {
    const keys = new Set(done.filter((each) => each.kind === kind).map(({ key }) => key))
    const ofKind = found.filter(({ copy, key }) => copy === kinds[kind].copy && keys.has(key))
    for (const each of ofKind) explained.add(each)
    return { kind, done: keys.size, found: ofKind.length, names: [...new Set(ofKind.map(({ cause }) => cause))] }
  })
  const others = found.filter((each) => !explained.has(each))
  return { kinds: judged, others, holds: others.length === 0 && judged.every(isRight) }
}

export function isRight({ kind, done, found, names }: Judged): boolean {
  return found === done && names.every((name) => name === kinds[kind].cause)
}
