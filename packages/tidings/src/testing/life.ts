import type { Broker } from '../broker/port/broker.ts'
import type { Database, DatabaseTransaction } from '../database/index.ts'
import type { Environment } from '../environment/index.ts'
import { lineTo } from './line.ts'

/** What one life of a service runs on, so that it can end without notice. */
export interface Life {
  readonly broker: Broker
  readonly database: Database
  readonly environment: Environment
  readonly ended: boolean
  /** As when its process is killed: nothing answers it any more, no timer of it runs, what it did not commit is lost. */
  end(): void
}

export function beginLife(parts: { broker: Broker; database: Database; environment: Environment }): Life {
  const line = lineTo(parts.broker)
  const ending = new AbortController()
  const { signal } = ending
  return {
    broker: line.broker,
    database: mortalDatabase(parts.database, signal),
    environment: { ...parts.environment, timers: mortalTimers(parts.environment, signal) },
    get ended() {
      return signal.aborted
    },
    end() {
      line.sever()
      ending.abort()
    },
  }
}

/** Never resolves once the signal has aborted. */
async function whileAlive<Result>(signal: AbortSignal, promise: Promise<Result>): Promise<Result> {
  try {
    return await promise
  } finally {
    if (signal.aborted) await new Promise(() => {})
  }
}

function mortalDatabase(database: Database, signal: AbortSignal): Database {
  const end = endOf(signal)
  end.catch(() => undefined)
  const transaction: Database['transaction'] = (work) =>
    whileAlive(
      signal,
      // Whatever the work hangs on after the end, its transaction is rolled back and makes room for others.
      database.transaction((transaction) => Promise.race([runToTheEnd(transaction, work, signal), end])),
    )
  return {
    dialect: database.dialect,
    start: () => database.start(),
    stop: () => database.stop(),
    [Symbol.asyncDispose]: () => database.stop(),
    join: (handle) => database.join(handle),
    query: (text, values) => whileAlive(signal, database.query(text, values)),
    migrate: (set) => whileAlive(signal, database.migrate(set)),
    execute: (text, values) => transaction((running) => running.query(text, values)),
    transaction,
  }
}

async function runToTheEnd<Result>(
  transaction: DatabaseTransaction,
  work: (transaction: DatabaseTransaction) => Promise<Result> | Result,
  signal: AbortSignal,
): Promise<Result> {
  const result = await work({
    query: (text, values) => whileAlive(signal, transaction.query(text, values)),
    runAtCommit: (...statement) => whileAlive(signal, transaction.runAtCommit(...statement)),
    readRow: (...row) => whileAlive(signal, transaction.readRow(...row)),
  })
  signal.throwIfAborted()
  return result
}

function endOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('The process of this transaction has ended.')), {
      once: true,
    })
  })
}

function mortalTimers({ timers }: Environment, signal: AbortSignal): Environment['timers'] {
  return {
    after: (delayMs, run) => timers.after(delayMs, () => signal.aborted || run()),
  }
}
