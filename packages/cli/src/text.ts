import type { PositionedEvent } from 'tidings/broker'
import { isJsonType, type Event } from 'tidings/event'

/** Text for people: tables, lists of fields, times, events. Whatever came from outside passes `visible`. */

/** Rows below their headers, in columns. */
export function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headers, ...rows.map((row) => row.map(visible))]
  const widths = headers.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n')
}

/** One field a line, values in a column. */
export function fields(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length)) + 2
  return pairs.map(([name, value]) => `${name.padEnd(width)}${visible(value)}`).join('\n')
}

// Control characters could drive the terminal, and marks of direction could make a text read as another one.
const driving = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** The text with everything escaped that a terminal would obey instead of print. */
export function visible(text: string): string {
  return text.replaceAll(driving, (character) => {
    const escaped = JSON.stringify(character).slice(1, -1)
    return escaped === character ? `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}` : escaped
  })
}

export function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** The largest two units of a duration: `3 h 12 min`. */
export function duration(milliseconds: number): string {
  const first = units.findIndex(([, size]) => milliseconds >= size)
  const large = units[first]
  if (!large) return `${Math.max(0, Math.round(milliseconds))} ms`
  const [name, size] = large
  const whole = Math.floor(milliseconds / size)
  const small = units[first + 1]
  const rest = small ? Math.floor((milliseconds % size) / small[1]) : 0
  return rest > 0 && small ? `${whole} ${name} ${rest} ${small[0]}` : `${whole} ${name}`
}

const sizes = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** A number of bytes in the largest unit of which there is one: `1.5 GiB`. */
export function size(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(sizes.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${Number((bytes / 2 ** (step * 10)).toFixed(1))} ${sizes[step]}`
}

/** `1 event`, `2 events`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`
}

/** Position, type, key and payload of an event on one line. */
export function eventLine({ position, event }: Pick<PositionedEvent, 'position' | 'event'>): string {
  return [position, event.type, event.key ?? '-', payload(event)].map(visible).join('  ')
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** A payload as one line of text, or what it is where it is no text. */
export function payload({ data, datacontenttype }: Event): string {
  if (!data) return '(no payload)'
  try {
    const text = decoder.decode(data)
    return isJsonType(datacontenttype) ? text.replaceAll(/[\r\n]+\s*/g, ' ') : text
  } catch {
    return `(${count(data.length, 'byte')} of ${datacontenttype ?? 'application/json'})`
  }
}
