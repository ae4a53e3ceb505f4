import { systemEnvironment } from 'tidings'
import type { Authorize, Broker } from 'tidings/broker'
import { makeStore, type EngineOptions } from './make-store.ts'
import { createServedBroker } from './served-broker.ts'
import type { Server, ServerOptions } from './server.ts'
import { startTogether } from './together/together.ts'

export interface StartOptions extends Omit<ServerOptions, 'broker' | 'engine' | 'metrics'>, EngineOptions {
  /** Who may do everything; `operator` where absent. */
  readonly operators?: readonly string[]
  /** Who may see every figure and description, and nothing else; `monitor` where absent. */
  readonly monitors?: readonly string[]
  /** Decides about every call instead of the rule that services do what is theirs. */
  readonly authorize?: Authorize
  /** Of one event's payload; 1 MiB where absent. */
  readonly payloadBytes?: number
  /**
   * How the other servers on the same store reach this one, as `host:port`, and nobody else under it: where it listens
   * where absent, by the name of the machine where it listens on every address.
   */
  readonly address?: string
  /** Told when it begins to lead or to stand by, after it has started. */
  readonly onStanding?: (standing: Standing) => void
}

/** What a server does among those on its store; one whose store is its own leads. */
export type Standing =
  | { readonly state: 'leads' }
  /** `leader` is the URL of the server that it forwards to; absent as long as there is none. */
  | { readonly state: 'stands-by'; readonly leader?: string }

/** A running server with the broker and the store that it brought up. */
export interface RunningServer extends Server {
  /** For programs in the same process. Throws `unavailable` while the server stands by. */
  readonly broker: Broker
  readonly standing: Standing
}

/**
 * Brings up a store, a broker over it and a server over that; what was started is stopped again when a later part fails.
 * Where other servers use the store too, it returns once it leads or stands by.
 */
export async function startServer(options: StartOptions = {}): Promise<RunningServer> {
  const { environment = systemEnvironment } = options
  const store = await makeStore(options, environment)
  if ('shared' in store) return startTogether(options, store, environment)
  const { engine } = store
  // Before the store is opened, because what is wrong with the address needs no store to be found.
  const { broker, server } = createServedBroker(options, { engine, environment, guarded: (each) => each })
  const stop = async (): Promise<void> => {
    await server.stop()
    await broker.stop()
  }
  try {
    await broker.start()
    await server.start()
  } catch (error) {
    await stop()
    throw error
  }
  const standing = { state: 'leads' } as const
  return { broker, standing, url: server.url, start: () => Promise.resolve(), stop, [Symbol.asyncDispose]: stop }
}
