/**
 * One text for each value, whichever side it comes from: its JSON with the members of objects in order and without space,
 * and with every digit of an integer. Numbers with a fraction are those of JavaScript, which is what a copy keeps of them.
 */
export function canonicalText(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`).join(',')}}`
}

/** The canonical texts of these columns of a row. */
export function canonicalValues(
  data: Readonly<Record<string, unknown>>,
  columns: readonly string[],
): ReadonlyMap<string, string> {
  const present = columns.filter((column) => data[column] !== undefined)
  return new Map(present.map((column) => [column, canonicalText(data[column])]))
}
