/** What a test needs that a machine may not have. */
export interface MissingPart {
  /** A short name for `TIDINGS_REQUIRE`: `python3`, `better-sqlite3`, `durable` … */
  readonly part: string
  /** Why the test cannot run without it. */
  readonly reason: string
  /** What helps: a command to run, for parts that can be had. */
  readonly help?: string
}

interface SkippableTest {
  skip(note?: string): never
}

/**
 * Ends a test that this machine cannot run: it is counted as skipped and printed with its reason at the end of the run.
 * Where `TIDINGS_REQUIRE` (names separated by commas, or `all`) names the part, its absence is a failure instead.
 *
 * ```ts
 * test('python reads the same numbers', (context) => {
 *   if (!hasPython) notRun(context, { part: 'python3', reason: 'there is no python3', help: 'apt-get install python3' })
 * ```
 */
export function notRun(test: SkippableTest, missing: MissingPart): never {
  const required = (process.env['TIDINGS_REQUIRE'] ?? '').split(',').map((name) => name.trim())
  const sentence = `${missing.part}: ${missing.reason}${missing.help ? ` (try: ${missing.help})` : ''}`
  if (required.includes(missing.part) || required.includes('all')) {
    throw new Error(`TIDINGS_REQUIRE names a part that is missing. ${sentence}`)
  }
  return test.skip(sentence)
}
