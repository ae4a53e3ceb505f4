import type { Options } from '../options.ts'
import { rows } from '../proof/figures.ts'
import { printRound, printSabotage } from '../report/sabotage.ts'
import type { Screen } from '../report/screen.ts'
import { openCopies, type StageCopy } from '../tidings/copies.ts'
import type { Stage } from '../tidings/stage.ts'
import { breakCopy, copiedRow } from './break-copy.ts'
import { breakHandler } from './break-handler.ts'
import { breakOwner } from './break-owner.ts'
import { findDrift, repairAll } from './find.ts'
import { judge } from './judge.ts'
import { restoreOwner } from './restore-owner.ts'
import { Saboteur, mistypedAddressOf, addressOf } from './saboteur.ts'
import { chooseTargets } from './targets.ts'

/**
 * Breaks copies in every way that has a name, has it found and explained, and mends it: first what happens to single
 * customers, then the CRM's whole database, because its restoration has everything published again and so mends the
 * rest by itself. Answers whether everything was found under its own name, and nothing is different any more.
 */
export async function runSabotage(stage: Stage, screen: Screen, { seed }: Options): Promise<boolean> {
  const customers = rows<Customer>(stage.directory, 'crm', 'select id, status from customers order by id')
  const hasPython = stage.python !== undefined
  const targets = chooseTargets({ seed, customers: customers.map(({ id }) => id), hasPython })
  const copies = await openCopies(stage)
  printSabotage(screen, { hasPython })
  const first = new Saboteur(stage, targets)
  const holds = await round(first, { copies, screen, break: () => breakSingle(first, customers) })
  // What is still different then says so in the proof; another database would hide it.
  if (!holds) return false
  const second = new Saboteur(stage, targets)
  return round(second, { copies, screen, break: () => restoreOwner(second) })
}

interface Customer {
  readonly id: string
  readonly status: 'active' | 'lost'
}

interface Round {
  readonly copies: readonly StageCopy[]
  readonly screen: Screen
  /** Answers what ends that which goes wrong; the copies stay as they are. */
  readonly break: () => Promise<() => Promise<void>>
}

async function round(saboteur: Saboteur, { copies, screen, break: breakIt }: Round): Promise<boolean> {
  const { stage } = saboteur
  screen.status('Breaking copies …')
  const mend = await breakIt()
  screen.status('Comparing and explaining …')
  const drift = await findDrift(stage, copies)
  const causes = drift.flatMap(({ copy, causes: found }) => found.map((cause) => ({ copy: copy.name, ...cause })))
  const judgement = judge(
    saboteur.done,
    causes.map(({ copy, key, kind }) => ({ copy, key, cause: kind })),
  )
  screen.status('Repairing …')
  await mend()
  const repair = await repairAll(stage, copies)
  if (repair.left === 0) await saboteur.arrived()
  screen.status('')
  printRound(screen, { judgement, plan: causes.map(({ mend: { action } }) => action), repair })
  return judgement.holds && repair.left === 0
}

/** What can be done to single customers. What the owner tells comes first, with nothing in its way. */
async function breakSingle(saboteur: Saboteur, customers: readonly Customer[]): Promise<() => Promise<void>> {
  const { stage, targets } = saboteur
  const statuses = new Map(customers.map(({ id, status }) => [id, status]))
  const { around, cut, refused, older, failing, behind, swallowed } = targets
  for (const key of [...around, ...targets['taken-out'], ...cut, ...refused, ...older]) {
    await saboteur.correct(key, { email: mistypedAddressOf(key) })
  }
  for (const key of [...failing, ...targets['given-up'], ...behind, ...swallowed]) {
    await saboteur.correct(key, { status: statuses.get(key) === 'active' ? 'lost' : 'active' })
  }
  await saboteur.arrived()
  const olderRows = new Map(older.map((key) => [key, copiedRow(stage, key)]))
  for (const key of older) await saboteur.correct(key, { email: addressOf(key) })
  await saboteur.arrived()

  const mendHandler = await breakHandler(saboteur, statuses)
  await breakCopy(saboteur, olderRows)
  const mendOwner = await breakOwner(saboteur)
  return async () => {
    await mendOwner()
    await mendHandler()
  }
}
