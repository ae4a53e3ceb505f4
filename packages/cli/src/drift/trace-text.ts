import type { Trace, TracedEvent } from 'tidings/drift'
import { meaning } from '../explanation.ts'
import { time, visible } from '../text.ts'

const unknownTime = '(nobody kept the time)'.padEnd(24)
const noTime = ' '.repeat(24)

/** A trace as lines, the oldest first: when, what, and what is known of where it stands. */
export function traceText({ topic, key, events, isPartial, trimmed }: Trace): string {
  const before = [
    ...(trimmed === undefined ? [] : [`Retention has removed events up to ${trimmed}.`]),
    ...(isPartial ? ['There may be older events of it; --max and --scan look further back.'] : []),
  ]
  if (events.length === 0)
    return [`${topic} has no event of the key ${JSON.stringify(key)} where it was looked for.`, ...before].join('\n')
  return visibleLines([...before, ...events.toReversed().flatMap(eventLines)])
}

function eventLines({ position, appendedAt, event, stale, erased, at }: TracedEvent): readonly string[] {
  const version = event.sequence === undefined ? '' : `  version ${versionOf(event)}`
  const marks = [...(stale ? ['older than what was there: nobody gets it'] : []), ...(erased ? ['erased'] : [])]
  const stored = `${position}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}`
  return [
    `${instant(event.time)}  committed  ${event.type}${version}`,
    `${time(appendedAt)}  stored     ${stored}`,
    ...at.map((explanation) => {
      const { subscription, state } = explanation
      return `${noTime}  ${state.padEnd(9)}  ${subscription}: ${meaning(subscription, explanation)}`
    }),
  ]
}

function versionOf({ sequence = '', sourceepoch = 0 }: TracedEvent['event']): string {
  const counter = BigInt(sequence).toString()
  return sourceepoch === 0 ? counter : `${sourceepoch}.${counter}`
}

/** The time that stands in an event, which is its publisher's to write, in the form of the others. */
function instant(text: string | undefined): string {
  const milliseconds = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(milliseconds) ? unknownTime : time(milliseconds)
}

function visibleLines(lines: readonly string[]): string {
  return lines.map(visible).join('\n')
}
