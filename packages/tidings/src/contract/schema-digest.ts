import type { JsonSchema } from './definition.ts'
import { sha256 } from './sha256.ts'

/** `sha256:` and the hexadecimal SHA-256 of a schema: equal for schemas that differ only in order and space. */
export function schemaDigest(schema: JsonSchema): string {
  return `sha256:${sha256(new TextEncoder().encode(orderedJson(schema)))}`
}

/** The JSON of a value with the members of its objects in order and without space. */
export function orderedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(orderedJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${orderedJson(member)}`).join(',')}}`
}
