import { timeSpan } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { extractOptions, onExtraction } from '../extract/command.ts'
import type { ExtractFlags, OpenExtraction } from '../extract/open.ts'
import type { Session } from '../session.ts'
import { duration } from '../text.ts'

interface SwitchFlags extends ExtractFlags, Pick<Confirmation, 'yes'> {
  readonly limit?: number
  readonly uncompared?: boolean
}

const defaultLimitMs = 10_000
const limits = { least: 100, most: 3_600_000 }

export function addExtractSwitch(extract: TidingsCommand): void {
  extractOptions(extract.command('switch'))
    .description(
      'Switches the writers: the old tables refuse writes, the new ones get the rest, and take writes from then on. What is not done in time is undone.',
    )
    .example('tidings extract switch --limit 5s', 'stop the writers for 5 seconds at most')
    .option('--limit <span>', `how long the writers may be stopped (${duration(defaultLimitMs)})`, timeSpan(limits))
    .option('--uncompared', 'although both sides were not found equal')
    .option('-y, --yes', "don't ask")
    .runs<[], SwitchFlags>((session, _, flags) =>
      onExtraction(
        session,
        flags,
        async (open, signal) => {
          const { limit: limitMs = defaultLimitMs, uncompared = false } = flags
          const { stoppedMs } = await open.extraction.switchWriters({ limitMs, signal, uncompared })
          await session.output.show({ state: 'switched', stoppedMs: Math.round(stoppedMs) }, () => {
            return `Switched: the new tables are written. Writers were refused for ${duration(stoppedMs)}.`
          })
          await sayWhoFollows(session, open)
        },
        (open) => ask(session, open, { ...flags, from: 'old', to: 'new' }),
      ),
    )
  extractOptions(extract.command('back'))
    .description('Switches the writers back to the old tables, in the same way; nothing that was written is lost.')
    .example('tidings extract back', 'the new service is not ready after all')
    .option('--limit <span>', `how long the writers may be stopped (${duration(defaultLimitMs)})`, timeSpan(limits))
    .option('-y, --yes', "don't ask")
    .runs<[], SwitchFlags>((session, _, flags) =>
      onExtraction(
        session,
        flags,
        async (open, signal) => {
          const { limit: limitMs = defaultLimitMs } = flags
          const { stoppedMs } = await open.extraction.returnWriters({ limitMs, signal })
          await session.output.show({ state: 'following', stoppedMs: Math.round(stoppedMs) }, () => {
            return `Back: the old tables are written. Writers were refused for ${duration(stoppedMs)}.`
          })
          await sayWhoFollows(session, open)
        },
        (open) => ask(session, open, { ...flags, from: 'new', to: 'old' }),
      ),
    )
}

function ask(
  session: Session,
  { name }: OpenExtraction,
  { limit = defaultLimitMs, yes = false, from, to }: SwitchFlags & { from: string; to: string },
): Promise<void> {
  const what = `This stops the writers of ${name} in the ${from} database for at most ${duration(limit)}, and lets them write in the ${to} one`
  return confirm(session, what, { yes, onlyYes: true })
}

async function sayWhoFollows({ output }: Session, { extraction, command }: OpenExtraction): Promise<void> {
  const status = await extraction.status()
  if (!status) return
  output.note(status.holds)
  if (!status.followed)
    output.warn(`Nobody follows at present, so that PostgreSQL keeps its log; run: ${command('follow')}`)
  const further = status.state === 'switched' ? `; the way back: ${command('back')}` : ''
  output.note(`Next: ${command(status.next)}${further}`)
}
