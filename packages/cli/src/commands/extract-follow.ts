import { setTimeout as pause } from 'node:timers/promises'
import type { ExtractionStatus, FollowerProgress, TableNames } from 'tidings/extract'
import { positiveNumber, repeated } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { Differences, progressText } from '../differences.ts'
import { extractOptions, onExtraction } from '../extract/command.ts'
import type { ExtractFlags, OpenExtraction } from '../extract/open.ts'
import { standsText } from '../extract/stands.ts'
import { CommandError, exitCodes, UsageError, type ExitCode } from '../failure.ts'
import type { Session } from '../session.ts'
import { count } from '../text.ts'

interface StartFlags extends ExtractFlags {
  readonly table?: readonly string[]
}

interface CompareFlags extends ExtractFlags {
  readonly patience?: number
}

export function addExtractFollow(extract: TidingsCommand): void {
  extractOptions(extract.command('start'))
    .description(
      'Begins: checks both databases, fills the new tables and follows the old ones, until interrupted. Begun already, it goes on.',
    )
    .example(
      'tidings extract start --from postgres://shop@db/shop --to postgres://sales@db2/sales --table customer',
      'the table customer, which has to be in the new database too, and empty',
    )
    .example('tidings extract start --table public.customer=crm.client', 'under another name there')
    .option('--table <table>', 'a table, as SQL has it, and after = its name in the new database; repeat it', repeated)
    .runs<[], StartFlags>((session, _, flags) =>
      onExtraction(session, flags, async (open, signal) => {
        if (!flags.table) throw new UsageError('Say which tables: --table customer --table invoice')
        await open.extraction.begin(flags.table.map(tableNames))
        await follow(session, open, signal)
      }),
    )
  extractOptions(extract.command('follow'))
    .description(
      'Does what the state of an extraction says, until interrupted: fills, follows the old tables, after the switch the new ones, and ends what somebody has left half way.',
    )
    .example('tidings extract follow', 'go on; run it as a service while the extraction lasts')
    .runs<[], ExtractFlags>((session, _, flags) =>
      onExtraction(session, flags, (open, signal) => follow(session, open, signal)),
    )
  extractOptions(extract.command('status'))
    .description('Shows where an extraction stands, how much log is kept for it, and what comes next.')
    .example('tidings extract status', 'where it stands')
    .runs<[], ExtractFlags>((session, _, flags) =>
      onExtraction(session, flags, async ({ extraction, command, name }) => {
        const status = await extraction.status()
        if (!status)
          throw new CommandError(
            `There is no extraction ${name} in the new database; "tidings extract start" begins one.`,
          )
        await session.output.show(status, () => standsText(status, command))
      }),
    )
  extractOptions(extract.command('compare'))
    .description('Compares both sides, value by value, while one is written. Exit code 4 says that they differ.')
    .example('tidings extract compare', 'before the switch, and after it as often as you like')
    .option(
      '--patience <seconds>',
      'how long a difference has to last, with neither row written, before it counts (10)',
      positiveNumber({ least: 0, most: 3_600 }),
    )
    .runs<[], CompareFlags>((session, _, flags) =>
      onExtraction(session, flags, (open, signal) => compare(session, open, { ...flags, signal })),
    )
}

function tableNames(text: string): TableNames {
  const parts = text.split('=').map((part) => part.trim())
  if (parts.length > 2 || parts.includes('')) {
    throw new UsageError(`--table must be a table, or two names with = between them, not "${text}".`)
  }
  const [old, present = old] = parts as [string, string?]
  return { old, new: present }
}

const lookEveryMs = 500

async function follow(
  { output }: Session,
  { extraction, command, name }: OpenExtraction,
  signal: AbortSignal,
): Promise<void> {
  const ending = new AbortController()
  const until = AbortSignal.any([signal, ending.signal])
  let shown: string | undefined
  const showState = async (): Promise<void> => {
    const status = await extraction.status().catch(() => undefined)
    if (!status || status.state === shown) return
    shown = status.state
    output.endProgress()
    await output.show({ state: status.state, pid: process.pid }, () => `${status.state}: ${status.holds}`)
    output.note(`Next: ${command(nextOf(status))}`)
  }
  const watching = (async () => {
    while (!until.aborted) {
      // Nobody reads it any more.
      await showState().catch((error: unknown) => ending.abort(error))
      await pause(lookEveryMs, undefined, { signal: until }).catch(() => undefined)
    }
  })()
  try {
    await extraction.follow({ signal: until, onProgress: (progress) => output.progress(followText(progress)) })
  } finally {
    ending.abort()
    await watching
  }
  output.endProgress()
  if (signal.aborted) return
  await output.show({ state: 'ended' }, () => `The extraction ${name} has ended.`)
}

function nextOf(status: ExtractionStatus): string {
  return status.state === 'filling' ? 'status' : status.next
}

function followText({ state, count: rows }: FollowerProgress): string {
  return state === 'filling' ? `${count(rows, 'row')} filled in …` : `${count(rows, 'change')} applied …`
}

async function compare(
  session: Session,
  { extraction, command }: OpenExtraction,
  { patience = 10, signal }: CompareFlags & { readonly signal: AbortSignal },
): Promise<ExitCode> {
  const { output } = session
  const differences = new Differences(session)
  const compared = await extraction.compare({
    signal,
    patienceMs: patience * 1_000,
    onDifference: (table, difference) => differences.add(difference, table),
    onProgress: (table, progress) => output.progress(`${table}: ${progressText(progress)}`),
  })
  output.endProgress()
  await differences.show()
  for (const each of compared) {
    const { table, source, copy, differences: different, changing, orphans } = each
    const isEqual = different + orphans + changing === 0
    await output.show({ equal: isEqual, ...each }, () => {
      const rows = `${count(source, 'row')}, ${copy.toLocaleString('en-US')} on the side that follows`
      if (isEqual) return `equal      ${table}: ${rows}`
      const lacking =
        orphans > 0 ? `, ${count(orphans, 'row')} without the row that a foreign key of the new table asks for` : ''
      const moving = changing > 0 ? `, ${count(changing, 'row')} changed all the time and could not be judged` : ''
      return `${different + orphans > 0 ? 'different' : 'undecided'}  ${table}: ${count(different, 'row')}${lacking}${moving}; ${rows}`
    })
  }
  const isDifferent = compared.some(({ differences: different, orphans }) => different + orphans > 0)
  if (isDifferent) return exitCodes.different
  if (compared.some(({ changing }) => changing > 0))
    throw new CommandError('Some rows could not be judged; compare again, or with more --patience.')
  const status = await extraction.status()
  if (status) output.note(`Next: ${command(status.next)}`)
  return exitCodes.ok
}
