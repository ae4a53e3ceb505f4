import { any, type Answer } from './answer.ts'
import type { Pattern } from './pattern/pattern.ts'

/** Whether `properties` or `patternProperties` beside it speak of a name. */
export function isCovered(
  { names, patterns }: { readonly names: ReadonlySet<string>; readonly patterns: readonly Pattern[] },
  name: string,
): Answer {
  return names.has(name) || any(patterns, (pattern) => pattern.isIn(name))
}
