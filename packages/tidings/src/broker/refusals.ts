import type { ShardRunner } from './shard-runner.ts'
import type { SubscriptionRunner } from './subscription-runner.ts'

/**
 * Fetches the tasks that an operator is about to give up. What it answers tells whoever asked for one that it will not
 * be done, in the commit that gives it up; then `runner.tasks.flush()`.
 */
export async function refusals(
  runner: SubscriptionRunner,
  offsets: readonly number[],
): Promise<(shard: ShardRunner, offset: number, refused: string) => void> {
  const { tasks, shards } = runner
  if (!tasks) return () => undefined
  const found = await Promise.all(offsets.map((offset) => shards[0]!.log.fetch(offset)))
  const byOffset = new Map(found.flatMap((record) => (record ? [[record.offset, record.event] as const] : [])))
  return (shard, offset, refused) => {
    const task = byOffset.get(offset)
    if (task) tasks.answer({ shard, task, offset }, { refused })
  }
}
