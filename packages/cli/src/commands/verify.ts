import type { Comparison } from 'tidings/verify'
import { commaSeparated, positiveNumber, wholeNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { Differences, mostLines, progressText } from '../differences.ts'
import { CommandError, exitCodes, type ExitCode } from '../failure.ts'
import { untilInterrupted } from '../interrupt.ts'
import { explained } from '../postgres.ts'
import type { Session } from '../session.ts'
import { count } from '../text.ts'
import { checkExplainOptions, explainDifferences, type ExplainOptions } from '../verify/explain-differences.ts'
import { KeptPlace } from '../verify/kept-place.ts'
import { openVerifiedCopy, sourceOf } from '../verify/sides.ts'

interface VerifyOptions extends ExplainOptions {
  readonly source?: string
  readonly owner?: string
  readonly secret?: string
  readonly table?: string
  readonly copy: string
  readonly copyTable?: string
  readonly columns?: readonly string[]
  readonly patience?: number
  readonly rate?: number
  readonly resume?: string
}

/** Of more differences the first are explained and repaired; then the command is run again. */
const mostExplained = 10_000

export function addVerify(program: TidingsCommand): void {
  program
    .command('verify')
    .description(
      'Compares a copy with its system of record by digests, while both may be written: a table in PostgreSQL, or a service that serves its digests. Exit code 4 says that they differ.',
    )
    .example(
      'tidings verify --source postgres://crm@localhost/crm --table customers --copy ./copy.db',
      'the copy that tidings dev keeps',
    )
    .example(
      'tidings verify --owner https://crm.example/proofs --copy postgres://sales@localhost/sales --copy-table crm_customer',
      'a service asked over HTTP',
    )
    .example('tidings verify --table customers --copy ./copy.db --columns name,email', 'some columns only')
    .option('--source <url>', 'the database (TIDINGS_DATABASE, which keeps a password off the list of processes)')
    .option('--table <table>', 'its table, as SQL has it: customers, sales.orders')
    .option('--owner <url>', 'in place of a database: where the service serves its digests')
    .option('--secret <text>', 'the secret of the owner (TIDINGS_SECRET, which keeps it off the list of processes)')
    .requiredOption('--copy <file>', 'the SQLite file of the copy, or postgres:// and where its database is')
    .option('--copy-table <name>', 'the table of the copy; the one that tidings dev makes')
    .option('--columns <names>', 'the columns to compare, separated by commas; all of the copy', commaSeparated)
    .option(
      '--patience <seconds>',
      'how long a difference has to last, with neither row written, before it counts (10)',
      positiveNumber({ least: 0, most: 3_600 }),
    )
    .option(
      '--rate <rows>',
      'at most so many rows of the source a second; as many as it can',
      wholeNumber({ least: 1, most: 1_000_000_000 }),
    )
    .option('--resume <file>', 'keeps there how far it has come, goes on from there, and removes it at the end')
    .option('--explain', 'say why, for each difference, by what the owner, the server and the copy know')
    .option('--repair', 'the same, and have the --owner publish again what that mends, and hand dead letters back')
    .option('-n, --dry-run', 'with --repair: show what would be done')
    .option('-y, --yes', "with --repair: don't ask")
    .runs<[], VerifyOptions>(async (session, _, options) => {
      checkExplainOptions(options)
      try {
        return await untilInterrupted((signal) => verify(session, options, signal).catch(unless(signal)))
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

async function verify(session: Session, options: VerifyOptions, signal: AbortSignal): Promise<ExitCode> {
  const { patience = 10, rate } = options
  const { compare } = await import('tidings/verify')
  const open = sourceOf(session, options, signal)
  await using copy = await openVerifiedCopy(options)
  await using source = await open(copy.side)
  const place = new KeptPlace(options.resume)
  const total = await copy.side.count()
  const differences = new Differences(session)
  const keys: string[] = []
  const comparison = await compare({
    source: source.side,
    copy: copy.side,
    signal,
    patienceMs: patience * 1_000,
    ...place.given(),
    ...(rate !== undefined && { rowsPerSecond: rate }),
    onDifference(difference) {
      differences.add(difference)
      if (keys.length < mostExplained) keys.push(difference.key)
    },
    onProgress(progress) {
      place.keep(progress)
      session.output.progress(progressText(progress, total))
    },
  })
  session.output.endProgress()
  place.remove()
  await differences.show()
  await showOutcome(session, comparison)
  if (comparison.differences === 0) return exitCodes.ok
  if (!options.explain && !options.repair) return exitCodes.different
  return await explainDifferences(session, options, { copy: await copy.inspected(), keys })
}

async function showOutcome({ output }: Session, comparison: Comparison): Promise<void> {
  const { source, copy, differences, changing, crossed } = comparison
  const rows = `${count(source, 'row')} in the source, ${copy.toLocaleString('en-US')} in the copy`
  await output.show({ equal: differences === 0, source, copy, differences, changing, crossed }, () => {
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
