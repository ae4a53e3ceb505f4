import { Watchers, type Engine, type Ownership } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { systemEnvironment, type Environment } from '../../environment/index.ts'
import { checkPool, type PostgresPool } from '../../postgres/index.ts'
import { postgresLedger } from './ledger.ts'
import { postgresLog } from './log.ts'
import { OpenStore } from './open-store.ts'
import { holdStore } from './transfer.ts'

export interface PostgresEngineOptions {
  /**
   * The pool of `pg` that the engine takes its connections from, at least two of them, one of which it keeps for
   * wake-ups. It stays its owner's to end, and to listen to for `error`.
   */
  readonly pool: PostgresPool
  /** The schema of its tables, made where there is none; `tidings_broker` where nothing is said. */
  readonly schema?: string
  readonly environment?: Environment
  /** How long an identity is remembered: 10 minutes and a million ids of each topic where nothing is said. */
  readonly deduplication?: { readonly maxIds?: number; readonly maxAgeMs?: number }
  /**
   * An ownership of a ledger in the same schema: every write of this engine happens only while it is the present one, and
   * rejects as `ownership-lost` otherwise, having changed nothing. For processes of which one at a time may write: when
   * somebody else has become the owner, nothing that was written as the one before is still under way.
   */
  readonly fence?: Ownership
  /**
   * Told when another server has taken the place of the one that it was started with, such as a standby after a failover:
   * everything rejects as `store-failed` until it is started again. Ends the process by an uncaught exception where
   * nothing is said.
   */
  readonly onFatal?: (error: Error) => void
}

/**
 * An engine in one schema of PostgreSQL 14 or newer, which several servers may share. Every answer is given after a
 * commit that is as durable as the database makes it, which the calls that arrive together share.
 *
 * What `erase` took is in no row any more when it resolves. The bytes stay in the files until `VACUUM`, which it runs
 * last, finds that no older transaction can see them and their space is written over, and in the write-ahead log and in
 * backups for as long as those are kept.
 */
export function postgresEngine(options: PostgresEngineOptions): Engine {
  const { pool, schema = 'tidings_broker', fence, environment = systemEnvironment } = options
  checkOptions(pool, schema)
  const deduplication = { maxIds: 1_000_000, maxAgeMs: 600_000, ...options.deduplication }
  const onFatal = options.onFatal ?? endProcess
  const watchers = new Watchers()
  let running: OpenStore | undefined
  let lifecycle: Promise<void> = Promise.resolve()
  const inTurn = (change: () => Promise<void>): Promise<void> => {
    const changed = lifecycle.then(change)
    lifecycle = changed.catch(() => undefined)
    return changed
  }
  const store = (): OpenStore => {
    if (running) return running
    throw new TidingsError('stopped', `The engine in the schema "${schema}" is not running; start it first.`)
  }
  const stop = async (): Promise<void> => {
    const stopping = running
    running = undefined
    await stopping?.close()
  }
  return {
    name: 'postgres',
    capabilities: { durable: true, shared: true, defaultShards: 1 },
    log: postgresLog({ watchers, store }),
    ledger: postgresLedger({ store }),
    start: () =>
      inTurn(async () => {
        running ??= await OpenStore.open({ pool, schema, environment, deduplication, fence, onFatal, watchers })
      }),
    stop: () => inTurn(stop),
    stats: async () => store().stats(),
    async hold() {
      await lifecycle
      if (!running) return holdStore({ pool, schema, environment, deduplication })
      throw new TidingsError('store-locked', `The engine in the schema "${schema}" is running; stop it first.`)
    },
    [Symbol.asyncDispose]: () => inTurn(stop),
  }
}

function checkOptions(pool: PostgresPool, schema: string): void {
  checkPool(pool, 'postgresEngine')
  const most = pool.options?.max
  if (most !== undefined && most < 2) {
    throw new TidingsError('bad-request', `The pool has ${most} connection; the engine needs at least two, better ten.`)
  }
  if (/^[a-z_][a-z0-9_]{0,39}$/.test(schema)) return
  throw new TidingsError(
    'bad-request',
    `"${schema}" is not a schema that the engine can use: lower-case letters, digits and "_", at most 40.`,
  )
}

function endProcess(error: Error): void {
  setImmediate(() => {
    throw error
  })
}
