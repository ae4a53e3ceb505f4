import type { Database } from '../port.ts'
import { createTables } from './scene.ts'

/** One requirement of the database port. It knows no test runner: `run` rejects when the database breaks it. */
export interface DatabaseCase {
  /** The requirement in words; unique in the suite. */
  readonly name: string
  /** Why it cannot be tried on this subject; `undefined` where it can. */
  readonly needs?: (subject: DatabaseSubject) => string | undefined
  readonly run: (context: DatabaseContext) => Promise<void>
}

export interface DatabaseContext {
  /** A started database with the tables of the suite, empty. */
  readonly database: Database
  readonly subject: DatabaseSubject
  /** Stops the database and opens its store again; go on with the one that it answers. */
  readonly reopen: () => Promise<Database>
}

/** What the author of a database supplies: one empty store, opened with a busy timeout of at most a second. */
export interface DatabaseSubject {
  /** A database over this store, not started, which enforces foreign keys. Called again after the one before was stopped. */
  readonly open: () => Database
  /** Begins a transaction on the open database's connection, as code would that does not know the kit. */
  readonly begin: () => Promise<ForeignTransaction>
  /** Another database over the same store, not started, whose commits would not survive a power loss. */
  readonly openNotDurable?: () => Database
  /** Locks the store against writers, as another process would; the answered function unlocks it. */
  readonly lock?: () => Promise<() => Promise<void>>
  /** Starts a process that opens this store, runs `writePairs` on it and reports what was committed. */
  readonly startWriter?: () => Promise<WriterProcess>
  /** Removes the store. */
  readonly dispose: () => Promise<void>
}

export interface ForeignTransaction {
  /** What `join` takes. */
  readonly handle: unknown
  readonly commit: () => Promise<void>
  readonly rollBack: () => Promise<void>
}

export interface WriterProcess {
  /** Resolves once the process has reported so many committed pairs. */
  readonly reported: (count: number) => Promise<void>
  /** Ends the process with SIGKILL and answers every pair that it had reported. */
  readonly kill: () => Promise<readonly number[]>
}

/** Runs one case over a new store. Answers why it was skipped, or `undefined` when it ran. */
export async function runDatabaseCase(
  databaseCase: DatabaseCase,
  subject: DatabaseSubject,
): Promise<string | undefined> {
  const reason = databaseCase.needs?.(subject)
  if (reason !== undefined) {
    await subject.dispose()
    return reason
  }
  let database = subject.open()
  try {
    await database.start()
    await createTables(database)
    await databaseCase.run({
      database,
      subject,
      reopen: async () => {
        await database.stop()
        database = subject.open()
        await database.start()
        return database
      },
    })
    return undefined
  } finally {
    await database.stop()
    await subject.dispose()
  }
}
