import { formatSequence, type Event, type Position } from '../event/index.ts'
import { formatLeaseToken, type Entry } from '../delivery/index.ts'
import type { TopicKind } from '../engine/index.ts'
import type { Delivery } from './port/deliveries.ts'
import type { ShardRunner } from './shard-runner.ts'

/** How offsets and events of one topic look to its consumers. */
export interface TopicView {
  readonly kind: TopicKind
  /** Whether deliveries say which priority they have. */
  readonly hasPriorities: boolean
  position(offset: number): Position
}

/**
 * Makes deliveries of what was claimed: commits first where that is due, fetches events that are not at hand. What is
 * not in the log any more is skipped.
 */
export async function handOut(
  shard: ShardRunner,
  claim: { readonly entries: readonly Entry[]; readonly commitFirst: boolean },
  view: TopicView,
): Promise<Delivery[]> {
  // Leases are read before anything is awaited: afterwards they may have ended.
  const leased = claim.entries.map((entry) => ({
    entry,
    token: shard.machine.token(entry),
    attempt: entry.attempts + (entry.counted ? 0 : 1),
  }))
  if (claim.commitFirst) await shard.commit()
  const deliveries: Delivery[] = []
  let skipped = false
  for (const { entry, token, attempt } of leased) {
    const record = entry.record ?? (await shard.hydrate(entry))
    if (!record) {
      shard.machine.skip(token)
      skipped = true
      continue
    }
    const replay = shard.machine.replay(entry)
    deliveries.push({
      lease: formatLeaseToken(token),
      position: view.position(entry.offset),
      appendedAt: record.appendedAt,
      generation: token.generation,
      attempt,
      event: versioned(record.event, record.offset, view.kind),
      ...(replay ? { replay } : {}),
      ...(view.hasPriorities ? { priority: shard.priority } : {}),
    })
  }
  // After a crash it would still be leased, before the others of its run, and to nobody who could settle it.
  if (skipped) await shard.commit()
  return deliveries
}

/** Entity events always tell their version, padded so that texts compare like numbers. */
export function versioned(event: Event, offset: number, kind: TopicKind): Event {
  if (kind !== 'entity' || event.sequence?.length === 20) return event
  return { ...event, sequence: formatSequence(event.sequence ?? offset) }
}
