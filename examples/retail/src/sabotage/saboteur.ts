import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import Libsql from 'libsql'
import { call } from '../process/http.ts'
import type { Correction } from '../services/crm/customers.ts'
import { unfinished } from '../tidings/finish.ts'
import type { Stage } from '../tidings/stage.ts'
import type { Done } from './judge.ts'
import type { KindName, Targets } from './kinds.ts'

const lookEveryMs = 20
const patienceMs = 60_000

/** What those who break something share: where, whom it hits, and what was really done so far. */
export class Saboteur {
  readonly stage: Stage
  readonly targets: Targets
  readonly done: Done[] = []

  constructor(stage: Stage, targets: Targets) {
    this.stage = stage
    this.targets = targets
  }

  /** Does something to each customer of a kind, and counts it once it is done. */
  async each(kind: KindName, work: (key: string) => Promise<unknown> | number): Promise<void> {
    for (const key of this.targets[kind]) {
      const changed = await work(key)
      if (typeof changed === 'number' && changed !== 1) {
        throw new Error(`The sabotage "${kind}" of customer ${key} changed ${changed} rows instead of one.`)
      }
      this.done.push({ kind, key })
    }
  }

  /** The CRM changes a customer as it always does: the row and the event in one commit. */
  async correct(key: string, correction: Correction): Promise<void> {
    const { status, body } = await call('POST', `${this.stage.crm.url}/customers/${key}`, { body: correction })
    if (status !== 200) throw new Error(`The CRM answered ${status} to a correction: ${JSON.stringify(body)}`)
  }

  /** Everything that the teams have told has arrived everywhere. */
  async arrived(): Promise<void> {
    await until('everything has arrived', async () => (await unfinished(this.stage)) === undefined)
  }
}

export function addressOf(key: string): string {
  return `customer-${key}@example.com`
}

export function mistypedAddressOf(key: string): string {
  return `customer-${key}@exmaple.com`
}

/** Waits for what others do, in real time; rejects when it does not come about. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const begun = performance.now(); !(await isSo()); await pause(lookEveryMs)) {
    if (performance.now() - begun > patienceMs) throw new Error(`For a minute it has not come about that ${what}.`)
  }
}

/** Opens a team's database as somebody does who goes around its service. */
export function inDatabase<Result>(
  { directory }: Stage,
  team: string,
  work: (database: Libsql.Database) => Result,
): Result {
  const database = new Libsql(join(directory, `${team}.db`), { timeout: 10_000 })
  try {
    return work(database)
  } finally {
    database.close()
  }
}

/** How many rows a statement changed. */
export function changedBy(stage: Stage, team: string, text: string, values: readonly string[]): number {
  return inDatabase(stage, team, (database) => database.prepare(text).run(...values).changes)
}
