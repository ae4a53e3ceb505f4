import type { ManagedProcess } from '../process/managed-process.ts'
import { teamStatus } from './finish.ts'

const lookEveryMs = 500

/** Counts the durable commits of the teams over all lives of their processes; what a killed one did last is missed. */
export class CommitCount {
  readonly #teams: readonly ManagedProcess[]
  /** By team and process id. */
  readonly #seen = new Map<string, number>()
  #lookedAt = 0

  constructor(teams: readonly ManagedProcess[]) {
    this.#teams = teams
  }

  /** Asks the teams if the last time was a while ago. */
  async lookNowAndThen(): Promise<void> {
    if (performance.now() - this.#lookedAt >= lookEveryMs) await this.look()
  }

  async look(): Promise<void> {
    this.#lookedAt = performance.now()
    await Promise.all(
      this.#teams.map(async (team) => {
        const life = `${team.name} ${team.pid}`
        const status = await teamStatus(team).catch(() => undefined)
        if (status) this.#seen.set(life, Math.max(this.#seen.get(life) ?? 0, status.commits))
      }),
    )
  }

  get total(): number {
    return [...this.#seen.values()].reduce((sum, commits) => sum + commits, 0)
  }
}
