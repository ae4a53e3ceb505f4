import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Options } from '../options.ts'
import { ManagedProcess } from './managed-process.ts'

export interface TeamOptions {
  readonly name: string
  /** Below `dist/`; or another program with its arguments. */
  readonly script: string
  readonly command?: { readonly program: string; readonly arguments: readonly string[] }
  readonly directory: string
  /** The team's own database, in the directory. */
  readonly database: string
  readonly environment: Readonly<Record<string, string>>
}

const concurrency = 32

/** All processes of a run, so that none of them outlives it. */
export class Processes {
  readonly #running: ManagedProcess[] = []
  #ended = false

  async startTeam(options: TeamOptions): Promise<ManagedProcess> {
    const { name, script, command, directory, database, environment } = options
    if (this.#ended) throw new Error('The run was ended.')
    const path = fileURLToPath(new URL(`../${script}`, import.meta.url))
    const team = new ManagedProcess({
      name,
      command: command?.program ?? process.execPath,
      arguments: command?.arguments ?? [path],
      environment: { ...environment, DATABASE_FILE: join(directory, database) },
      logFile: join(directory, `${name}.log`),
    })
    this.#running.push(team)
    await team.start()
    return team
  }

  /** What sales must know to play the orders, the last few of them calmly. */
  playEnvironment({ invoices, orders }: Options, calmOrders = 0): Record<string, string> {
    return {
      INVOICES: invoices,
      ORDERS: String(orders),
      CONCURRENCY: String(concurrency),
      CALM_ORDERS: String(calmOrders),
    }
  }

  /** Ends them in reverse order: who was started last depends on the others. */
  async stopAll(): Promise<void> {
    for (const running of this.#running.splice(0).toReversed()) await running.stop()
  }

  /** Ends them, and lets nobody start another one. */
  async end(): Promise<void> {
    this.#ended = true
    await this.stopAll()
  }
}
