import type { Problem } from './source.ts'

/** Where a rule would make a particular piece of code worse, and why, in one line. */
export interface Allowance {
  readonly rule: 'sizes' | 'words' | 'leftovers'
  readonly path: string
  readonly reason: string
}

const allowances: readonly Allowance[] = [
  {
    rule: 'sizes',
    path: 'packages/tidings/src/client/remote-broker.ts',
    reason: 'A line or two for each call of the port; a sixth of it are the names of their types.',
  },
  {
    rule: 'leftovers',
    path: 'packages/tidings/src/databases/sqlite/busy.ts',
    reason: 'It keeps the process alive while somebody waits, which timers of the environment do not.',
  },
  {
    rule: 'leftovers',
    path: 'packages/tidings/src/folder/lock.ts',
    reason: 'Two users with the ids of one seed must not share the name of a file.',
  },
]

/** The problems that no allowance covers, and the allowances that cover none. */
export function withoutAllowed(
  rule: Allowance['rule'],
  problems: readonly Problem[],
  allowed: readonly Allowance[] = allowances,
): readonly Problem[] {
  const ofRule = allowed.filter((allowance) => allowance.rule === rule)
  const covers = (allowance: Allowance, problem: Problem): boolean =>
    /^[: ]/.test(problem.slice(allowance.path.length)) && problem.startsWith(allowance.path)
  return [
    ...problems.filter((problem) => !ofRule.some((allowance) => covers(allowance, problem))),
    ...ofRule
      .filter((allowance) => !problems.some((problem) => covers(allowance, problem)))
      .map((allowance) => `${allowance.path} keeps the rule of ${rule}: remove its allowance`),
  ]
}
