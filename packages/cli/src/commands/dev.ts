import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { commaSeparated, wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { ChangeLines } from '../dev/changes.ts'
import { namesOf, type TableNames } from '../dev/names.ts'
import type { RunningDev, Source } from '../dev/run.ts'
import { interrupted, untilInterrupted } from '../interrupt.ts'
import { databaseUrl, explained, withoutPassword } from '../postgres.ts'
import { endOnDefect } from '../server/defect.ts'
import { serverLog } from '../server/log.ts'
import type { Session } from '../session.ts'
import type { Flags } from '../settings.ts'
import { count, visible } from '../text.ts'

const dataFolder = '.data/tidings-dev'
const lookAgainMs = 100

interface DevOptions extends Flags, Confirmation {
  readonly capture?: string
  readonly table: string
  readonly copy: string
  readonly columns?: readonly string[]
  readonly remove?: boolean
}

export function addDev(program: TidingsCommand): void {
  program
    .command('dev')
    .description(
      'Keeps a read-only copy of a PostgreSQL table in an SQLite file, until interrupted: to try Tidings on your own data, with no code written.',
    )
    .example(
      'tidings dev --capture postgres://crm@localhost/crm --table customers --copy ./copy.db',
      'copy the table and what changes in it',
    )
    .example('tidings dev --table customers --columns id,name --copy ./copy.db', 'some columns only')
    .example('tidings dev --table customers --copy ./copy.db --remove', 'take everything away again')
    .option('--capture <url>', 'the database (TIDINGS_DATABASE, which keeps a password off the list of processes)')
    .requiredOption('--table <table>', 'its table, as SQL has it: customers, sales.orders')
    .requiredOption('--copy <file>', 'the SQLite file of the copy')
    .option('--columns <names>', 'the columns to copy, separated by commas; all where it is absent', commaSeparated)
    .option('--data <folder>', `where the events are kept (${dataFolder}/<topic>)`)
    .option('--port <port>', 'of the server in this process; one that is free', wholeNumber({ least: 0, most: 65_535 }))
    .option('--remove', 'take away slot, publication, state, copy and events')
    .option('-n, --dry-run', 'with --remove: show what it would take away')
    .option('-y, --yes', "with --remove: don't ask")
    .runs<[], DevOptions>(async (session, _, options) => {
      const url = databaseUrl(session, '--capture', options.capture)
      const names = namesOf(options.table, url)
      const data = options.data ?? join(dataFolder, names.topic)
      const task = { ...options, url, names, data }
      try {
        if (options.remove) await remove(session, task)
        else await untilInterrupted((signal) => run(session, task, signal))
      } catch (error) {
        throw explained(error)
      }
    })
}

interface Task extends DevOptions {
  readonly url: string
  readonly names: TableNames
  readonly data: string
}

async function run(session: Session, task: Task, signal: AbortSignal): Promise<void> {
  const { output, terminal } = session
  const { url, table, names, copy, data } = task
  const ending = new AbortController()
  const until = AbortSignal.any([signal, ending.signal])
  const lines = new ChangeLines(output, { everyOne: output.json, onClosed: (error) => ending.abort(error) })
  const isWatched = output.json || terminal.stdout.isTTY === true
  const log = serverLog(terminal, output)
  const { startServer } = await import('@tidings/server')
  const { openCopyFile } = await import('../dev/copy-file.ts')
  const { openSource, startDev } = await import('../dev/run.ts')
  const stopWatching = endOnDefect(log)
  let isCapturing = false
  try {
    await using source = await openSource({ url, table, columns: task.columns, names })
    await using server = await startServer({ path: data, port: task.port ?? 0, logger: log })
    await using file = await openCopyFile(copy)
    await using dev = await startDev({
      source,
      server,
      database: file.database,
      onApplied: (changes) => isWatched && lines.show(changes),
      onNotice: ({ level, message }) => level !== 'info' && output.warn(message),
    })
    isCapturing = true
    const about = { url: server.url, table, topic: names.topic, slot: names.slot, copy, copyTable: names.copy }
    await output.show({ ...about, data: resolve(data), pid: process.pid }, () => {
      return `Capturing ${table} of ${withoutPassword(url)} into the table ${names.copy} of ${copy}.`
    })
    output.note(`Its events are the topic ${names.topic} at ${server.url}, kept in ${resolve(data)}.`)
    lines.begin()
    await untilComplete(session, dev, until)
    if (!until.aborted) await showComplete(session, { dev, source, task })
    await interrupted(until)
    output.note('Stopping.')
    await lines.written()
  } finally {
    stopWatching()
    if (isCapturing) sayWhatStays(session, task)
  }
  // Nobody reads the lines any more.
  if (ending.signal.aborted) throw ending.signal.reason
}

async function untilComplete({ output }: Session, dev: RunningDev, signal: AbortSignal): Promise<void> {
  // What the database or the server cannot answer at present is asked again.
  while (!signal.aborted && !(await dev.isComplete().catch(() => false))) {
    const progress = await dev.progress().catch(() => undefined)
    if (progress?.listing) output.progress(`Listing the table: ${count(progress.published, 'row')} …`)
    else if (progress) output.progress(`Catching up: ${count(progress.published, 'change')} …`)
    await pause(lookAgainMs, undefined, { signal }).catch(() => undefined)
  }
  output.endProgress()
}

async function showComplete(
  { output }: Session,
  { dev, source, task }: { readonly dev: RunningDev; readonly source: Source; readonly task: Task },
): Promise<void> {
  const { url, table, names, copy } = task
  const rows = await dev.rows()
  await output.show({ complete: true, rows }, () => `The copy is complete: ${count(rows, 'row')}.`)
  const shown = withoutPassword(url)
  const columns = task.columns ? ` --columns ${word(task.columns.join(','))}` : ''
  output.note(
    [
      'Change a row, and see it in the copy:',
      `  psql ${word(shown)}`,
      `  sqlite3 ${word(copy)} ${word(`select * from "${names.copy}" order by "${source.keyProperty}" limit 10`)}`,
      'Prove that both are equal:',
      `  tidings verify --source ${word(shown)} --table ${word(table)} --copy ${word(copy)}${columns}`,
    ].join('\n'),
  )
}

function sayWhatStays({ output }: Session, task: Task): void {
  output.warn(
    `PostgreSQL keeps its log for the slot ${task.names.slot} until this is started again; if it will not be, run: ${removal(task)}`,
  )
}

function removal({ url, table, copy, ...options }: Task): string {
  const data = options.data === join(dataFolder, options.names.topic) ? '' : ` --data ${word(options.data)}`
  return `tidings dev --capture ${word(withoutPassword(url))} --table ${word(table)} --copy ${word(copy)}${data} --remove`
}

async function remove(session: Session, task: Task): Promise<void> {
  const { output } = session
  const { url, table, names, data, copy } = task
  const what = `the slot, the publication and the state of ${names.slot} in ${withoutPassword(url)}, the copy ${names.copy} in ${copy}, and the events in ${data}`
  const answer = { slot: names.slot, copy, copyTable: names.copy, data, removed: !task.dryRun }
  if (task.dryRun) return output.show(answer, () => `This would remove ${what}.`)
  await confirm(session, `This removes ${what}`, task)
  const { removeDev } = await import('../dev/remove.ts')
  const removed = await removeDev({ url, table, names, data, copy })
  await output.show(answer, () => `Removed: ${removed.join(', ')}.`)
}

/** A text as one word of a shell. */
function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${visible(text).replaceAll("'", `'\\''`)}'`
}
