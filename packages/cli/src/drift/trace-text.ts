import type { OwnerStanding, Trace, TracedCopy, TracedEvent } from 'tidings/drift'
import { meaning } from '../explanation.ts'
import { time, visible } from '../text.ts'

const unknownTime = '(nobody kept the time)'.padEnd(24)
const noTime = ' '.repeat(24)

/** A trace as lines, along the way from the owner to its copies and the oldest event first: when, what, and where it stands. */
export function traceText({ topic, key, owner, events, isPartial, trimmed, copies }: Trace): string {
  const before = [
    ...(trimmed === undefined ? [] : [`Retention has removed events up to ${trimmed}.`]),
    ...(isPartial ? ['There may be older events of it; --max and --scan look further back.'] : []),
  ]
  const nothing = `${topic} has no event of the key ${JSON.stringify(key)} where it was looked for.`
  const told = events.length === 0 ? [nothing, ...before] : [...before, ...events.toReversed().flatMap(eventLines)]
  const lines = [
    ...(owner ? [ownerLine(owner)] : []),
    ...told,
    ...(owner ? waitingLines(owner) : []),
    ...copies.map(copyLine),
  ]
  return lines.map(visible).join('\n')
}

function ownerLine({ isPresent, refusal, version, isListing }: OwnerStanding): string {
  const row = isPresent ? 'has the row' : 'has no row'
  const given = version === undefined ? 'no version was ever given' : `version ${versionOf(version)} was given last`
  const refused = refusal === undefined ? '' : `; it cannot be published: ${refusal}`
  return line('owner', `${row}, ${given}${refused}${isListing ? '; everything is being published again' : ''}`)
}

/** What is in the outbox. */
function waitingLines({ unsent, held }: OwnerStanding): readonly string[] {
  return [
    ...held.map(({ heldAt, code, reason }) => line('held', `the broker refused it (${code}): ${reason}`, time(heldAt))),
    ...unsent.map(({ version, writtenAt }) => {
      const what = version === undefined ? '' : `version ${versionOf(version)} `
      return line('waits', `${what}in the outbox for the relay`, time(writtenAt))
    }),
  ]
}

function eventLines({ position, appendedAt, event, stale, erased, at }: TracedEvent): readonly string[] {
  const version = event.sequence === undefined ? '' : `  version ${versionOf(event)}`
  const marks = [...(stale ? ['older than what was there: nobody gets it'] : []), ...(erased ? ['erased'] : [])]
  const stored = `${position}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}`
  return [
    line('committed', `${event.type}${version}`, instant(event.time)),
    line('stored', stored, time(appendedAt)),
    ...at.map((explanation) => {
      const { subscription, state } = explanation
      return line(state, `${subscription}: ${meaning(subscription, explanation)}`)
    }),
  ]
}

function copyLine({ subscription, isPresent, keepsVersions, version, deletedVersion, unread }: TracedCopy): string {
  const row = isPresent ? 'has a row' : 'has no row'
  const unknown = isPresent && keepsVersions ? ' of what is no version' : ''
  const parts = [
    `${row}${version ? ` of version ${versionOf(version)}` : unknown}`,
    ...(deletedVersion ? [`it deleted version ${versionOf(deletedVersion)}`] : []),
    ...(unread ? [`its newest state could not be read: ${unread.reason}`] : []),
    ...(keepsVersions ? [] : ['it keeps no versions']),
  ]
  return line('copy', `${subscription}: ${parts.join('; ')}`)
}

function line(what: string, text: string, when: string = noTime): string {
  return `${when}  ${what.padEnd(9)}  ${text}`
}

function versionOf({ sequence = '', sourceepoch = 0 }: { readonly sequence?: string; readonly sourceepoch?: number }) {
  const counter = BigInt(sequence).toString()
  return sourceepoch === 0 ? counter : `${sourceepoch}.${counter}`
}

/** The time that stands in an event, which is its publisher's to write, in the form of the others. */
function instant(text: string | undefined): string {
  const milliseconds = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(milliseconds) ? unknownTime : time(milliseconds)
}
