import type { Engine, LedgerId } from '../engine/index.ts'
import type { SimulatedEnvironment } from '../testing/index.ts'
import { allowAll, createBroker, type Broker } from './index.ts'

/** One broker in a process of its own, over an engine that outlives it. */
export interface Life {
  readonly broker: Broker
  readonly ended: boolean
  /** Lets so many more changes reach the engine; of the one after these, nobody learns whether it did. */
  cutAfter(changes: number, last: 'lost' | 'unheard'): void
  /** As when its process is killed: nothing of it reaches the engine any more, and nobody hears of it. */
  end(): void
  /** What a call came to; `gone` where the life ended before it was answered. */
  ask<Answer>(call: Promise<Answer>): Promise<Asked<Answer>>
}

export type Asked<Answer> =
  | { readonly status: 'answered'; readonly answer: Answer }
  | { readonly status: 'rejected'; readonly code: string; readonly message: string }
  | { readonly status: 'gone' }

export const retentionEveryMs = 10_000
const changing = new Set(['append', 'create', 'remove', 'trim', 'erase', 'own', 'commit'])

/** Starts a broker whose way to the engine can be cut at any change. */
export async function beginLife(options: {
  readonly engine: Engine
  readonly environment: SimulatedEnvironment
  /** Called when it makes itself the owner of a ledger. */
  readonly onOwn: (life: Life, id: LedgerId) => void
}): Promise<Life> {
  const { environment } = options
  let left = Infinity
  let last: 'lost' | 'unheard' = 'lost'
  const ending = new AbortController()
  const gone = new Promise<{ readonly status: 'gone' }>((resolve) => {
    ending.signal.addEventListener('abort', () => resolve({ status: 'gone' }), { once: true })
  })
  const never = new Promise<never>(() => {})

  /** What came when the life was over is heard by nobody. */
  const heard = async (call: Promise<unknown>): Promise<unknown> => {
    await Promise.allSettled([call])
    return ending.signal.aborted ? never : call
  }
  const reach = (name: string, run: (...given: unknown[]) => unknown, given: readonly unknown[]): unknown => {
    if (name === 'watch') return run(...given)
    if (ending.signal.aborted || left < 0) return never
    if (changing.has(name) && left-- <= 0) {
      if (last === 'unheard') void (run(...given) as Promise<unknown>).catch(() => undefined)
      return never
    }
    if (name === 'own') options.onOwn(life, given[0] as LedgerId)
    return heard(run(...given) as Promise<unknown>)
  }
  const timers: SimulatedEnvironment['timers'] = {
    after: (delayMs, run) => environment.timers.after(delayMs, () => ending.signal.aborted || run()),
  }
  const broker = createBroker({
    engine: gated(options.engine, reach),
    environment: { ...environment, timers },
    authorize: allowAll,
    retentionEveryMs,
  })
  const life: Life = {
    broker,
    get ended() {
      return ending.signal.aborted
    },
    cutAfter(changes, what) {
      left = changes
      last = what
    },
    end() {
      ending.abort()
    },
    ask: (call) => Promise.race([gone, answered(call)]),
  }
  await broker.start()
  return life
}

async function answered<Answer>(call: Promise<Answer>): Promise<Asked<Answer>> {
  try {
    return { status: 'answered', answer: await call }
  } catch (error) {
    const { code = 'none', message } = error as Error & { code?: string }
    return { status: 'rejected', code, message }
  }
}

function gated(
  engine: Engine,
  reach: (name: string, run: (...given: unknown[]) => unknown, given: readonly unknown[]) => unknown,
): Engine {
  const gate = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get: (target, name: string) => {
        const run = (Reflect.get(target, name) as (...given: unknown[]) => unknown).bind(target)
        return (...given: unknown[]) => reach(name, run, given)
      },
    })
  return {
    ...engine,
    // Several brokers are there at once.
    capabilities: { ...engine.capabilities, shared: true },
    log: gate(engine.log),
    ledger: gate(engine.ledger),
    stats: () => engine.stats(),
    start: () => engine.start(),
    stop: async () => undefined,
  }
}
