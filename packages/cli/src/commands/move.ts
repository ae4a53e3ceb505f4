import type { MoveProgress, MoveReport, MoveSide } from 'tidings/move'
import type { TidingsCommand } from '../command.ts'
import { UsageError } from '../failure.ts'
import type { OpenStore } from '../move/stores.ts'
import { explained } from '../postgres.ts'
import type { Session } from '../session.ts'
import { count, table } from '../text.ts'

interface MoveOptions {
  readonly from?: string
  readonly to?: string
  readonly takeBack?: string
  readonly yes?: boolean
}

export function addMove(program: TidingsCommand): void {
  program
    .command('move')
    .description(
      'Moves everything that a server has to another store: a folder, or PostgreSQL. The source is left as it is until everything was compared, and serves nobody afterwards.',
    )
    .example('tidings move --from .data/tidings --to postgres://tidings@db/tidings', 'with the servers stopped')
    .example('PGPASSWORD=… tidings move --from postgres://tidings@db/tidings --to ./store', 'and back')
    .example('tidings move --take-back ./store --yes', 'use the source again, because the target is lost')
    .option('--from <store>', 'a folder, or postgres://user@host:5432/database (PGPASSWORD)')
    .option('--to <store>', 'the same, and empty')
    .option('--take-back <store>', 'let this one serve again that was moved, without what has happened since')
    .option('--yes', 'take it back without being asked')
    .runs<[], MoveOptions>(async (session, _, options) => {
      try {
        if (options.takeBack !== undefined) await takeBack(session, options.takeBack, options)
        else await move(session, options)
      } catch (error) {
        throw explained(error)
      }
    })
}

async function move(session: Session, { from, to }: MoveOptions): Promise<void> {
  if (from === undefined || to === undefined) {
    const example = '--from .data/tidings --to postgres://user@host:5432/database'
    throw new UsageError(`Say from where to where: ${example}`)
  }
  const { moveStore } = await import('tidings/move')
  const { openStore } = await import('../move/stores.ts')
  await using source = await openStore(from, { option: '--from' })
  await source.ensureExists()
  await using target = await openStore(to, { option: '--to' })
  if (source.place === target.place) {
    throw new UsageError(`--from and --to both name ${source.place}; a move needs two stores.`)
  }
  const report = await moveStore({
    from: source,
    to: target,
    onProgress: (progress) => session.output.progress(progressText(progress)),
  })
  session.output.endProgress()
  await show(session, { source, target, report })
}

async function show(
  { output }: Session,
  { source, target, report }: { source: OpenStore; target: OpenStore; report: MoveReport },
): Promise<void> {
  const { topics, events, ledgers, entries, resumed } = report
  await output.show({ from: source.place, to: target.place, resumed, topics, events, ledgers, entries }, () => {
    const rows = topics.map(({ namespace, topic, kind, head, events: held, damaged }) => {
      const broken = damaged > 0 ? ` (${count(damaged, 'event')} cannot be read)` : ''
      return [namespace, topic, kind, head.toLocaleString('en-US'), held.toLocaleString('en-US') + broken]
    })
    return [
      ...(rows.length > 0 ? [table(['NAMESPACE', 'TOPIC', 'KIND', 'HEAD', 'EVENTS'], rows)] : []),
      `moved ${count(topics.length, 'topic')} with ${count(events, 'event')} and ${count(ledgers, 'ledger')} with ${entries.toLocaleString('en-US')} ${entries === 1 ? 'entry' : 'entries'}; both stores held the same.`,
    ].join('\n')
  })
  if (resumed) output.note('An earlier run had done all of it but the end.')
  output.note(`${source.place} serves nobody any more. Start the servers on ${target.place}.`)
}

async function takeBack(session: Session, store: string, { from, to, yes = false }: MoveOptions): Promise<void> {
  if (from !== undefined || to !== undefined)
    throw new UsageError('--take-back names the only store; leave out the rest.')
  if (!yes) {
    throw new UsageError(
      'What has happened since in the store that it was moved to is not in this one, and the two must never both serve. Say --yes if that one is lost.',
    )
  }
  const { takeStoreBack } = await import('tidings/move')
  const { openStore } = await import('../move/stores.ts')
  await using taken = await openStore(store, { option: '--take-back' })
  await taken.ensureExists()
  await takeStoreBack(taken satisfies MoveSide)
  await session.output.show(
    { store: taken.place },
    () => `${taken.place} serves again; every topic begins another life.`,
  )
}

function progressText({ doing, events }: MoveProgress): string {
  return `${count(events, 'event')} ${doing === 'copying' ? 'copied' : 'compared'} …`
}
