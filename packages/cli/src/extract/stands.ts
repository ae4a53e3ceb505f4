import type { ExtractionStatus, KeptLog } from 'tidings/extract'
import { fields, size, time } from '../text.ts'
import type { Session } from '../session.ts'
import type { OpenExtraction } from './open.ts'

type Command = OpenExtraction['command']

/** Where an extraction stands, for people. */
export function standsText(status: ExtractionStatus, command: Command): string {
  const { written, followed, log } = status
  return fields([
    ['extraction', status.name],
    ['state', status.state],
    [
      'tables',
      status.tables.map(({ old, new: present }) => (old === present ? old : `${old} = ${present}`)).join(', '),
    ],
    ['written', written.new ? 'the new tables' : written.old ? 'the old tables' : 'neither side, at this moment'],
    ['followed', followed ? 'yes' : `by nobody; run: ${command('follow')}`],
    ...(status.problem === undefined ? [] : [['problem', status.problem] as const]),
    ...(['old', 'new'] as const).flatMap((role) =>
      log[role] ? [[`log of the ${role}`, logText(log[role])] as const] : [],
    ),
    [
      'compared',
      status.comparedAt === undefined
        ? 'not since the writers are where they are'
        : `equal at ${time(status.comparedAt)}`,
    ],
    ['holds', status.holds],
    ['next', nextText(status, command)],
  ])
}

function nextText({ state, next }: ExtractionStatus, command: Command): string {
  const line = command(next)
  if (state === 'switched') return `${line} once nobody wants to go back; until then: ${command('back')}`
  return line
}

function logText({ slot, status, retainedBytes, behindBytes }: KeptLog): string {
  const lost = status === 'lost' ? '; part of what was needed is lost' : ''
  return `${size(retainedBytes)} are kept for the slot ${slot}, ${size(behindBytes)} are not applied yet${lost}`
}

/** Says on stderr what is left where a command ends half way, and what to run; whatever happened before. */
export async function sayWhatStands(session: Session, { extraction, command, name }: OpenExtraction): Promise<void> {
  const { output } = session
  let status: ExtractionStatus | undefined
  try {
    status = await extraction.status()
  } catch (error) {
    output.warn(
      `Half way: where the extraction ${name} stands cannot be said, because a database does not answer (${error instanceof Error ? error.message : String(error)}). Both keep what they have, and their log; once they answer, run: ${command('status')}`,
    )
    return
  }
  if (!status) return
  const followed = status.followed
    ? 'Another process follows.'
    : `Nobody follows, so that PostgreSQL keeps its log: ${keptText(status)}.`
  output.warn(
    [
      `Half way: the extraction ${name} is ${status.state}. ${status.holds}`,
      `${followed} To go on: ${command(status.followed ? status.next : 'follow')}`,
      `To see where it stands: ${command('status')}`,
      ...(canAbandon(status) ? [`To take everything back: ${command('abandon')}`] : []),
    ].join('\n'),
  )
}

function canAbandon({ state }: ExtractionStatus): boolean {
  return state === 'filling' || state === 'following' || state === 'switching'
}

function keptText({ log }: ExtractionStatus): string {
  const kept = [log.old, log.new].filter((each) => each !== undefined)
  return kept.length === 0
    ? 'none yet'
    : kept.map(({ slot, retainedBytes }) => `${size(retainedBytes)} for the slot ${slot}`).join(', ')
}
