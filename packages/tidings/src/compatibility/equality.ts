/** A text that two JSON values share when JSON Schema calls them equal: the order of properties means nothing. */
export function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}

export function equal(left: unknown, right: unknown): boolean {
  return left === right || (typeof left === typeof right && canonical(left) === canonical(right))
}
