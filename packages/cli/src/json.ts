import { formatStructured, type Event } from 'tidings/event'

/**
 * An answer as JSON on one line. An event in it (the member `event`) is a CloudEvent in the JSON format whose payload is
 * the text that was published, not what a parser made of it.
 */
export function jsonLine(value: unknown): string {
  return text(value) ?? 'null'
}

function text(value: unknown): string | undefined {
  if (Array.isArray(value)) return `[${value.map((element) => text(element) ?? 'null').join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).flatMap(([name, member]) => {
    const written = name === 'event' && isEvent(member) ? eventText(member) : text(member)
    return written === undefined ? [] : [`${JSON.stringify(name)}:${written}`]
  })
  return `{${members.join(',')}}`
}

/** Line breaks stand between the tokens of a JSON payload only; inside its texts they are escaped. */
function eventText(event: Event): string {
  return formatStructured(event).replaceAll(/[\r\n]+/g, ' ')
}

function isEvent(value: unknown): value is Event {
  return typeof value === 'object' && value !== null && 'id' in value && 'source' in value && 'type' in value
}
