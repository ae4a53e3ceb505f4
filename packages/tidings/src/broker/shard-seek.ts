import { asideRanges, offsetOf, sweptRanges, type DeliveryMachine, type ReplayEffects } from '../delivery/index.ts'
import type { ShardLedger } from './shard-ledger.ts'

/** Begins a new generation of a shard after `start`: the steps stand in `delivery/seek.ts`. */
export async function seekShard(
  machine: DeliveryMachine,
  ledger: ShardLedger,
  next: { readonly start: number; readonly effects: ReplayEffects },
): Promise<void> {
  machine.seeking.fence()
  await ledger.commit()
  const aside: number[] = []
  for (const range of asideRanges) {
    for await (const page of ledger.pages(range)) aside.push(...page.map(({ key }) => offsetOf(key)))
  }
  machine.seeking.begin({ ...next, aside })
  await ledger.commit()
  await sweepShard(machine, ledger)
}

/** Ends a seek: what comes again from the log leaves its place aside. */
export async function sweepShard(machine: DeliveryMachine, ledger: ShardLedger): Promise<void> {
  for (const range of sweptRanges) {
    for await (const page of ledger.pages(range)) {
      machine.seeking.sweep(page.map(({ key }) => key))
      await ledger.commit()
    }
  }
  machine.seeking.end()
  await ledger.commit()
}
