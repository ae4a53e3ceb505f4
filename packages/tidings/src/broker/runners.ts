import type { SubscriptionRunner } from './subscription-runner.ts'

type Starting = Promise<SubscriptionRunner>

/** The subscriptions that are open on this server, each opened when somebody needs it first. */
export class Runners {
  readonly #start: (name: string, onLost: () => void) => Starting
  readonly #running = new Map<string, Starting>()

  constructor(start: (name: string, onLost: () => void) => Starting) {
    this.#start = start
  }

  open(name: string): Starting {
    const known = this.#running.get(name)
    if (known) return known
    const starting = this.#start(name, () => this.#running.delete(name))
    this.#running.set(name, starting)
    starting.catch(() => {
      if (this.#running.get(name) === starting) this.#running.delete(name)
    })
    return starting
  }

  /** Where it is open here. */
  async ifOpen(name: string): Promise<SubscriptionRunner | undefined> {
    return this.#running.get(name)?.catch(() => undefined)
  }

  async allOpen(wanted: (name: string) => boolean): Promise<readonly SubscriptionRunner[]> {
    const names = [...this.#running.keys()].filter(wanted)
    const open = await Promise.all(names.map((name) => this.ifOpen(name)))
    return open.filter((runner) => runner !== undefined)
  }

  async stop(name: string): Promise<void> {
    const runner = this.ifOpen(name)
    this.#running.delete(name)
    await (await runner)?.stop()
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.stop(name)))
  }
}
