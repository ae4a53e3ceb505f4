import { join } from 'node:path'
import { postgresDatabase } from '@tidings/tools/postgres'
import Database from 'libsql'
import { Client } from 'pg'
import type { TestContext } from 'vitest'
import { jsonLines, type Bench, type Result, type RunningCommand } from '../command.fixture.ts'

/** A database with a table of somebody else, and the commands that copy and compare it. */
export interface TableBench {
  readonly url: string
  readonly owner: Client
  /** What every command is told of the table. */
  readonly words: readonly string[]
  /** Starts the copying and resolves when it is complete; every line of its output is JSON. */
  startDev(...more: readonly string[]): Promise<RunningCommand>
  verify(...more: readonly string[]): Promise<Result>
  /** Changes the copy behind the kit's back. */
  tamper(script: string): void
  copied(query: string): readonly Record<string, unknown>[]
}

/** `table` is created in a database of its own; its copy has a file of its own. */
export async function tableBench(
  context: TestContext,
  bench: Bench,
  { table, tables }: { readonly table: string; readonly tables: string },
): Promise<TableBench> {
  const { url } = await postgresDatabase(context)
  const owner = new Client({ connectionString: url })
  await owner.connect()
  context.onTestFinished(async () => {
    await dropSlots(owner)
    await owner.end()
  })
  await owner.query(tables)
  const folder = new URL(url).pathname.slice(1)
  const copy = join(folder, 'copy.db')
  const words = ['--table', table, '--copy', copy]
  const variables = { TIDINGS_DATABASE: url }
  const open = (): Database.Database => new Database(join(bench.folder, copy))
  return {
    url,
    owner,
    words,
    async startDev(...more) {
      const data = ['--data', join(folder, 'events')]
      const running = bench.start(['dev', ...words, ...data, '--json', ...more], { variables })
      context.onTestFinished(async () => {
        running.child.kill('SIGKILL')
        await running.ended
      })
      await running.printed(/"complete":true/)
      return running
    },
    verify: (...more) => bench.run(['verify', ...words, ...more], { variables }),
    tamper(script) {
      const client = open()
      client.exec(`pragma busy_timeout = 10000; begin immediate; update tidings_replica_guard set writable = 1; ${script};
        update tidings_replica_guard set writable = 0; commit`)
      client.close()
    },
    copied(query) {
      const client = open()
      const rows = client.prepare(query).safeIntegers(true).all() as Record<string, unknown>[]
      client.close()
      return rows
    },
  }
}

/** The lines about changes that a command has printed by the time that this one is there. */
export async function changesUntil(running: RunningCommand, key: string): Promise<readonly (readonly unknown[])[]> {
  const { input } = await running.printed(new RegExp(`"key":${JSON.stringify(JSON.stringify(key)).slice(1, -1)}.*\n`))
  const whole = input.slice(0, input.lastIndexOf('\n'))
  return jsonLines(whole).flatMap(({ change, key: changed }) => (change === undefined ? [] : [[change, changed]]))
}

/** A database with a slot cannot be dropped. */
async function dropSlots(owner: Client): Promise<void> {
  const slots = 'pg_replication_slots where database = current_database()'
  for (;;) {
    await owner.query(`select pg_terminate_backend(active_pid) from ${slots} and active`)
    const dropped = owner.query(`select pg_drop_replication_slot(slot_name) from ${slots}`)
    const isDone = await dropped.then(
      () => true,
      () => false,
    )
    if (isDone) return
  }
}
