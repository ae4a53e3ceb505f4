/**
 * When a schedule is due next: milliseconds since 1970, strictly above `after`; `undefined` when it never is again.
 * Throws an `Error` that says what is wrong with the expression or the time zone. The due times of one expression are
 * the same from wherever they are looked for: several servers must find the same ones.
 */
export type NextDue = (request: {
  /** A cron expression. */
  readonly expression: string
  /** A name of the IANA time zone database. */
  readonly timeZone: string
  readonly after: number
}) => number | undefined

/**
 * The newest due times above `after` and not above `until`, oldest first, at most `limit`. However many were missed,
 * the search looks at few of them: it halves the span until no more than `limit` are left in it.
 */
export function newestDue(
  next: (after: number) => number | undefined,
  { after, until, limit }: { readonly after: number; readonly until: number; readonly limit: number },
): number[] {
  const found = dueWithin(next, { after, until, limit: limit + 1 })
  if (found.length <= limit) return found
  let [tooMany, fewer] = [after, until]
  while (fewer - tooMany > 1) {
    const middle = Math.floor((tooMany + fewer) / 2)
    const { length } = dueWithin(next, { after: middle, until, limit: limit + 1 })
    if (length > limit) tooMany = middle
    else fewer = middle
    if (length === limit) break
  }
  return dueWithin(next, { after: fewer, until, limit })
}

function dueWithin(
  next: (after: number) => number | undefined,
  { after, until, limit }: { readonly after: number; readonly until: number; readonly limit: number },
): number[] {
  const found: number[] = []
  for (let due = next(after); due !== undefined && due <= until && found.length < limit; due = next(due)) {
    found.push(due)
  }
  return found
}
