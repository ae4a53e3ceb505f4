import type { DeadLetterFilter, Redrive } from 'tidings/broker'
import { positiveNumber } from '../arguments.ts'
import type { TidingsCommand } from '../command.ts'
import { confirm, type Confirmation } from '../confirm.ts'
import { UsageError } from '../failure.ts'
import { count, table, time } from '../text.ts'

interface StartOptions extends Confirmation {
  readonly type?: string
  readonly key?: string
  readonly reason?: string
  readonly after?: number
  readonly before?: number
  readonly perSecond?: number
  readonly canary?: boolean
}

export function addRedrives(program: TidingsCommand): void {
  const redrives = program
    .command('redrives')
    .description('Hands many dead letters back, batch by batch, by the server itself; lists and stops that.')
    .example('tidings redrives start mail.thanks --canary', 'one, two, five, twenty … until one fails again')
    .example('tidings redrives list mail.thanks', 'how far they are')
  addStart(redrives)
  addList(redrives)
  addStop(redrives)
}

function addStart(redrives: TidingsCommand): void {
  redrives
    .command('start')
    .description('Begins one. It goes on after a restart of the server, and leaves replaced letters alone.')
    .example('tidings redrives start mail.thanks --reason timeout --dry-run', 'how many there are')
    .example('tidings redrives start mail.thanks --after 2026-05-01T08:00:00Z --per-second 10 --yes', 'gently')
    .argument('<subscription>')
    .option('--type <type>', 'only this event type')
    .option('--key <key>', 'only this key')
    .option('--reason <text>', 'only those whose reason contains this')
    .option('--after <time>', 'only those given up then or later', timeOf)
    .option('--before <time>', 'only those given up before', timeOf)
    .option('--per-second <count>', 'at most so many a second', positiveNumber({ least: 0.0001, most: 1_000_000 }))
    .option('--canary', '1, 2, 5, 20 …, each when the batch before is settled; the first failure stops it')
    .option('-n, --dry-run', 'show how many there are')
    .option('-y, --yes', "don't ask")
    .runs<[subscription: string], StartOptions>(async (session, [subscription], options) => {
      const { broker, caller, output } = session
      const { perSecond, canary, filter } = split(options)
      const preview = await broker.previewRedrive(caller, { subscription, filter })
      const edited = preview.edited === 0 ? '' : `, and leaves ${preview.edited} alone that somebody replaced`
      const what = `${count(preview.deadLetters, 'dead letter')} back to ${subscription}${edited}`
      if (options.dryRun) return output.show({ ...preview, started: false }, () => `This would hand ${what}.`)
      await confirm(session, `This hands ${what}`, options)
      const begun = await broker.startRedrive(caller, {
        subscription,
        filter,
        ...(perSecond !== undefined && { perSecond }),
        ...(canary !== undefined && { canary }),
      })
      await output.show(
        begun,
        () => `Begun as ${begun.redrive}; see how far it is: tidings redrives list ${subscription}`,
      )
    })
}

function split({ perSecond, canary, type, key, reason, after, before }: StartOptions): {
  perSecond: number | undefined
  canary: boolean | undefined
  filter: DeadLetterFilter
} {
  const filter = {
    ...(type !== undefined && { type }),
    ...(key !== undefined && { key }),
    ...(reason !== undefined && { reason }),
    ...(after !== undefined && { after }),
    ...(before !== undefined && { before }),
  }
  return { perSecond, canary, filter }
}

function timeOf(text: string): number {
  const milliseconds = Date.parse(text)
  if (!Number.isNaN(milliseconds)) return milliseconds
  throw new UsageError(`"${text}" is no time; write it as 2026-05-01T08:00:00Z.`)
}

function addList(redrives: TidingsCommand): void {
  redrives
    .command('list')
    .description('Lists those that are running, and the last that have ended.')
    .example('tidings redrives list mail.thanks', 'how far they are, and why one stopped')
    .argument('<subscription>')
    .runs<[subscription: string]>(async ({ broker, caller, output }, [subscription]) => {
      const known = await broker.redrives(caller, subscription)
      await output.show({ redrives: known }, () =>
        known.length === 0 ? '' : table(['REDRIVE', 'BY', 'BEGUN', 'STATUS', 'HANDED BACK', 'REASON'], known.map(row)),
      )
      if (known.length === 0) output.note(`There was no redrive of ${subscription} yet.`)
    })
}

function row({ redrive, by, startedAt, status, redriven, reason = '-' }: Redrive): string[] {
  return [redrive, by, time(startedAt), status, String(redriven), reason]
}

function addStop(redrives: TidingsCommand): void {
  redrives
    .command('stop')
    .description('Hands nothing more back; what was handed back stays so.')
    .example('tidings redrives stop mail.thanks 0198a2', 'as listed')
    .argument('<subscription>')
    .argument('<redrive>', 'as listed')
    .runs<[subscription: string, redrive: string]>(async ({ broker, caller, output }, [subscription, redrive]) => {
      const stopped = await broker.stopRedrive(caller, { subscription, redrive })
      await output.show(stopped, () => `${redrive}  ${stopped.status}, ${stopped.redriven} handed back`)
    })
}
