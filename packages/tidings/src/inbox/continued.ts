import type { Broker, Caller } from '../broker/port/broker.ts'
import { TidingsError } from '../errors.ts'
import { formatPosition, type Position } from '../event/index.ts'
import { parse } from './position.ts'

/** The place in the present life of a topic at which a position of an earlier one has its event. */
export interface Continued {
  readonly position: Position
  readonly earlier: string
  /** The last number that both lives have in common. */
  readonly through: number
}

/**
 * Where a position stands after the broker's store was restored from a backup; at most where the backup ends, because
 * what came later is not there any more. `undefined` while the life is the same, and where the present one knows
 * nothing of it.
 */
export async function continuedAt(
  { broker, caller }: { readonly broker: Broker; readonly caller: Caller },
  topic: string,
  position: Position,
): Promise<Continued | undefined> {
  const { incarnation: earlier, number } = parse(position)
  const description = await broker.topic(caller, topic).catch((error: unknown) => {
    // Whoever goes on with the topic is told why, if that fails too.
    if (error instanceof TidingsError && !error.retryable) return undefined
    throw error
  })
  const life = description?.continues?.find(({ incarnation }) => incarnation === earlier)
  if (!description || !life) return undefined
  const { incarnation } = parse(description.head)
  return { position: formatPosition(incarnation, Math.min(number, life.through)), earlier, through: life.through }
}
