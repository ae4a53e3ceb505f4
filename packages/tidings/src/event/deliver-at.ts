import type { Event } from './event.ts'

const timestamp = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/

/**
 * When an event may be delivered, in milliseconds since 1970: its extension attribute `deliverat`, a timestamp as
 * RFC 3339 has it. `undefined` without one, `NaN` where it is not a timestamp.
 */
export function deliverAt({ extensions }: Event): number | undefined {
  const value = extensions?.deliverat
  if (value === undefined) return undefined
  return typeof value === 'string' && timestamp.test(value) ? Date.parse(value) : Number.NaN
}
