import type { Comparison } from 'tidings/verify'
import { commaSeparated, positiveNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { copyTableOf } from '../dev/names.ts'
import { Differences, mostLines, progressText } from '../differences.ts'
import { CommandError, exitCodes, type ExitCode } from '../failure.ts'
import { untilInterrupted } from '../interrupt.ts'
import { databaseUrl, explained, openPool } from '../postgres.ts'
import type { Session } from '../session.ts'
import { count } from '../text.ts'

interface VerifyOptions {
  readonly source?: string
  readonly table: string
  readonly copy: string
  readonly copyTable?: string
  readonly columns?: readonly string[]
  readonly patience?: number
}

export function addVerify(program: TidingsCommand): void {
  program
    .command('verify')
    .description(
      'Compares a copy in an SQLite file with its table in PostgreSQL, row by row, while both may be written. Exit code 4 says that they differ.',
    )
    .example(
      'tidings verify --source postgres://crm@localhost/crm --table customers --copy ./copy.db',
      'the copy that tidings dev keeps',
    )
    .example('tidings verify --table customers --copy ./copy.db --columns name,email', 'some columns only')
    .option('--source <url>', 'the database (TIDINGS_DATABASE, which keeps a password off the list of processes)')
    .requiredOption('--table <table>', 'its table, as SQL has it: customers, sales.orders')
    .requiredOption('--copy <file>', 'the SQLite file of the copy')
    .option('--copy-table <name>', 'the table of the copy; the one that tidings dev makes')
    .option('--columns <names>', 'the columns to compare, separated by commas; all of the copy', commaSeparated)
    .option(
      '--patience <seconds>',
      'how long a difference has to last, with neither row written, before it counts (10)',
      positiveNumber({ least: 0, most: 3_600 }),
    )
    .runs<[], VerifyOptions>(async (session, _, options) => {
      const url = databaseUrl(session, '--source', options.source)
      try {
        return await untilInterrupted((signal) => verify(session, { ...options, url }, signal).catch(unless(signal)))
      } catch (error) {
        throw explained(error)
      }
    })
}

/** What an interrupted comparison fails with is no fault. */
function unless(interruption: AbortSignal): (error: unknown) => never {
  return (error) => {
    throw interruption.aborted ? new CommandError('Interrupted before every row was compared.') : error
  }
}

async function verify(
  session: Session,
  options: VerifyOptions & { readonly url: string },
  signal: AbortSignal,
): Promise<ExitCode> {
  const { url, table, columns, copyTable = copyTableOf(table), patience = 10 } = options
  const { compare, openCopy, openTable } = await import('tidings/verify')
  const { openExistingCopyFile } = await import('../dev/copy-file.ts')
  await using file = await openExistingCopyFile(options.copy)
  const copy = await openCopy({ database: file.database, table: copyTable, ...(columns && { columns }) })
  const pool = await openPool(url)
  try {
    const source = await openTable({ pool, table, key: copy.key, columns: copy.columns })
    const differences = new Differences(session)
    const comparison = await compare({
      source,
      copy,
      signal,
      patienceMs: patience * 1_000,
      onDifference: (difference) => differences.add(difference),
      onProgress: (progress) => session.output.progress(progressText(progress)),
    })
    session.output.endProgress()
    await differences.show()
    await showOutcome(session, comparison)
    return comparison.differences > 0 ? exitCodes.different : exitCodes.ok
  } finally {
    await pool.end()
  }
}

async function showOutcome({ output }: Session, comparison: Comparison): Promise<void> {
  const { source, copy, differences, changing } = comparison
  const rows = `${count(source, 'row')} in the source, ${copy.toLocaleString('en-US')} in the copy`
  await output.show({ equal: differences === 0, source, copy, differences, changing }, () => {
    if (differences === 0) return `equal: ${rows}`
    const hidden = differences > mostLines ? ` (the first ${mostLines} are shown)` : ''
    return `different: ${count(differences, 'row')}${hidden}; ${rows}`
  })
  if (changing > 0) {
    output.warn(
      `${count(changing, 'row')} changed all the time and could not be judged; run it again, or with more --patience.`,
    )
  }
}
