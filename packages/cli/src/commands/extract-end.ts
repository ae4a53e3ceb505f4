import type { ExtractionStatus } from 'tidings/extract'
import { timeSpan } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { extractOptions, onExtraction } from '../extract/command.ts'
import type { ExtractFlags } from '../extract/open.ts'
import { duration } from '../text.ts'

interface EndFlags extends ExtractFlags, Pick<Confirmation, 'yes'> {
  readonly limit?: number
  readonly asItIs?: boolean
}

const defaultLimitMs = 30_000

export function addExtractEnd(extract: TidingsCommand): void {
  extractOptions(extract.command('finish'))
    .description(
      'Ends an extraction after the switch: the old tables follow no more and go on refusing writes; the way back is closed.',
    )
    .example('tidings extract finish', 'nobody wants to go back')
    .option(
      '--limit <span>',
      `how long to wait until the old tables have everything (${duration(defaultLimitMs)})`,
      timeSpan({ least: 100, most: 3_600_000 }),
    )
    .option('--as-it-is', 'although the old tables do not have everything')
    .option('-y, --yes', "don't ask")
    .runs<[], EndFlags>((session, _, flags) =>
      onExtraction(
        session,
        flags,
        async ({ extraction }, signal) => {
          const { limit: limitMs = defaultLimitMs, asItIs = false } = flags
          const before = await extraction.status()
          await extraction.finish({ limitMs, signal, asItIs })
          await session.output.show({ state: 'ended', tables: before?.tables }, () => leftText(before))
        },
        ({ name }) =>
          confirm(session, `This ends the extraction ${name} and closes the way back`, { ...flags, onlyYes: true }),
      ),
    )
  extractOptions(extract.command('abandon'))
    .description('Ends an extraction before the switch, and takes everything back; the new tables are empty again.')
    .example('tidings extract abandon', 'as if it had never begun')
    .option('-y, --yes', "don't ask")
    .runs<[], EndFlags>((session, _, flags) =>
      onExtraction(
        session,
        flags,
        async ({ extraction }) => {
          await extraction.abandon()
          await session.output.show({ state: 'abandoned' }, () => {
            return 'Abandoned: slots, publications and triggers are gone, the old tables are written as ever, the new ones are empty.'
          })
        },
        ({ name }) =>
          confirm(session, `This takes the extraction ${name} back and empties the new tables`, {
            ...flags,
            onlyYes: true,
          }),
      ),
    )
}

function leftText(status: ExtractionStatus | undefined): string {
  const tables = status?.tables.map((table) => table.old) ?? []
  return [
    'Finished: the new tables are on their own; slots and publications are gone.',
    `Left in the old database: ${tables.join(', ')}, as they are, with a trigger that refuses writes. Once nobody reads them:`,
    ...tables.toReversed().map((table) => `  drop table ${table};`),
    '  drop function tidings.refuse_extracted();',
  ].join('\n')
}
