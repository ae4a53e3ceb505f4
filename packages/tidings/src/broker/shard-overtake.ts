import { offsetOf, overtakenRanges } from '../delivery/index.ts'
import type { ShardRunner } from './shard-runner.ts'

const pageSize = 1_000

/**
 * Makes a shard let go of what its topic is about to remove up to an offset, durably: the steps stand in
 * `delivery/overtake.ts`. Answers how many events the subscription wanted and will not get.
 */
export async function overtakeShard(shard: ShardRunner, through: number): Promise<number> {
  const { state, overtaking } = shard.machine
  let lost = 0
  while (state.cursor < through && !state.seeking) {
    const page = await shard.nextPage(through)
    if (page) lost += overtaking.passOver(page.records, page.until, page.gaps)
    // Rejects once the shard has stopped.
    await shard.commit()
  }
  for (const { from: first, to } of overtakenRanges) {
    for (let from: string = first; ;) {
      const page = await shard.list({ from, to }, pageSize)
      const keys = page.map(({ key }) => key).filter((key) => offsetOf(key) <= through)
      lost += (await shard.act(keys, (entry) => overtaking.dropAside(entry))).length
      if (page.length < pageSize) break
      from = `${page.at(-1)!.key}!`
    }
  }
  // What was aside may have come back meanwhile.
  lost += overtaking.dropAtHand(through)
  await shard.commit()
  return lost
}
