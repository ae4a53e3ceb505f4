import { readSlot, type Slot } from '../capture/server.ts'
import { isFollowed } from './follower.ts'
import type { Parts } from './parts.ts'
import { loadSide, type Side } from './side.ts'
import { states, type Action, type State } from './states.ts'
import type { TableNames } from './store.ts'

/** What a server keeps of its log for an extraction. */
export interface KeptLog {
  readonly slot: string
  /** `lost` when the server has removed log that was needed. */
  readonly status: string
  /** Bytes of log that are kept because of it. */
  readonly retainedBytes: number
  /** Bytes of log that are not applied to the other side yet. */
  readonly behindBytes: number
}

/** Where an extraction stands. */
export interface ExtractionStatus {
  readonly name: string
  readonly state: State
  readonly tables: readonly TableNames[]
  /** Which sides take writes of others than the follower. */
  readonly written: { readonly old: boolean; readonly new: boolean }
  /** Whether some process follows at present. */
  readonly followed: boolean
  /** Why nothing is followed at present. */
  readonly problem: string | undefined
  /** When both sides were found equal, since the writers were switched last: milliseconds since 1970. */
  readonly comparedAt: number | undefined
  readonly log: { readonly old: KeptLog | undefined; readonly new: KeptLog | undefined }
  /** What holds in this state, and what comes next. */
  readonly holds: string
  readonly next: Action
}

export async function statusOf({ sides, store }: Parts): Promise<ExtractionStatus | undefined> {
  const state = await store.load()
  if (!state) return undefined
  const rows = { old: await loadSide(sides.old), new: await loadSide(sides.new) }
  const { holds, next } = states[state.state]
  return {
    name: sides.new.name,
    state: state.state,
    tables: state.tables,
    written: { old: rows.old?.guard === undefined, new: rows.new?.guard === undefined },
    followed: await isFollowed(sides),
    problem: state.problem,
    comparedAt: state.comparedAt,
    log: { old: await keptLog(sides.old), new: await keptLog(sides.new) },
    holds,
    next: next === 'compare' && state.comparedAt !== undefined ? 'switch' : next,
  }
}

async function keptLog(side: Side): Promise<KeptLog | undefined> {
  const slot: Slot | undefined = await readSlot(side.pool, side.slot)
  if (!slot) return undefined
  return { slot: side.slot, status: slot.status, retainedBytes: slot.retainedBytes, behindBytes: slot.lagBytes }
}
