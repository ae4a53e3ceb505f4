import { all, not, type Answer } from '../answer.ts'
import { isExact, isMultiple } from '../evaluate.ts'
import type { Branch } from './branch.ts'
import type { Check, Found, Search, Tally } from './goal.ts'

/** Small enough to look at each. */
const mostListed = 3_000
/** Binary fractions become whole numbers by this. */
const scale = 2 ** 20

/** Finds a number within the range that is a multiple of some numbers and not of others. */
export function findNumber(branch: Branch, search: Search, tally: Tally, check: Check): Found | undefined {
  const { lower, upper, lowerOpen, upperOpen } = branch.range
  if (lower > upper || (lower === upper && (lowerOpen || upperOpen))) return undefined
  const { values, complete } = candidatesOf(branch, search)
  for (const value of values) {
    search.budget.spend()
    const fitting = fits(value, branch)
    if (fitting === false) continue
    if (fitting === undefined) tally.doubt('', `whether ${value} is such a multiple is not known`)
    const found = check(value)
    if (found) return found
  }
  if (!complete) tally.doubt('', 'no number was found within the limits')
  return undefined
}

function fits(value: number, branch: Branch): Answer {
  const { lower, upper, lowerOpen, upperOpen } = branch.range
  if (!Number.isFinite(value)) return false
  if (value < lower || value > upper || (lowerOpen && value === lower) || (upperOpen && value === upper)) return false
  if (branch.excluded.includes(value)) return false
  const multiples = all(branch.multiples, (multiple) => isMultiple(value, multiple))
  return all([multiples, all(branch.notMultiples, (each) => not(isMultiple(value, each)))], (answer) => answer)
}

interface Candidates {
  readonly values: Iterable<number>
  /** Whether there is no other number that could do. */
  readonly complete: boolean
}

function candidatesOf(branch: Branch, search: Search): Candidates {
  const { range, multiples, notMultiples } = branch
  const least = leastCommon(multiples)
  if (least === undefined) return { values: ofStep(Math.max(...multiples), branch, search).values, complete: false }
  // A multiple of what must not divide it.
  if (notMultiples.some((each) => each === least || (least > 0 && isExact(each) && least % each === 0))) {
    return { values: [], complete: true }
  }
  if (least > 0) return ofStep(least, branch, search)
  if (range.lower === range.upper) return { values: [range.lower], complete: true }
  return { values: ordinary(branch, search), complete: false }
}

/** 0 where there are none, `undefined` where they are not binary fractions or their multiple is beyond reach. */
function leastCommon(multiples: readonly number[]): number | undefined {
  const [first, ...others] = [...new Set(multiples)]
  if (first === undefined) return 0
  if (others.length === 0 && isExact(first)) return first
  let least = 1n
  for (const multiple of multiples) {
    if (!isExact(multiple)) return undefined
    const whole = BigInt(multiple * scale)
    least = (least / divisor(least, whole)) * whole
  }
  const found = Number(least) / scale
  return isExact(found) && BigInt(found * scale) === least ? found : undefined
}

function divisor(left: bigint, right: bigint): bigint {
  return right === 0n ? left : divisor(right, left % right)
}

/** The multiples of a number within the range: all of them where they are few. */
function ofStep(step: number, { range, excluded }: Branch, search: Search): Candidates {
  const first = Math.ceil(range.lower / step)
  const last = Math.floor(range.upper / step)
  if (first > last) return { values: [], complete: isExact(step) }
  const times = (count: number): number => (isExact(step) ? count * step : Number((count * step).toPrecision(15)))
  if (last - first < mostListed && Number.isSafeInteger(first) && Number.isSafeInteger(last)) {
    const counts = Array.from({ length: last - first + 1 }, (_, index) => first + index)
    return { values: search.choice.order(nearestZero(counts)).map(times), complete: isExact(step) }
  }
  const start = Number.isFinite(first) ? first : Number.isFinite(last) ? last - 1_000 : -500
  const counts = Array.from({ length: 1_000 + excluded.length }, (_, index) => start + index)
  return { values: search.choice.order(nearestZero(counts)).map(times), complete: false }
}

function nearestZero(counts: readonly number[]): readonly number[] {
  return counts.toSorted((left, right) => Math.abs(left) - Math.abs(right) || right - left)
}

function ordinary({ range, excluded }: Branch, { choice }: Search): readonly number[] {
  const lower = Number.isFinite(range.lower) ? range.lower : Math.min(range.upper, 1_000) - 1_000
  const upper = Number.isFinite(range.upper) ? range.upper : Math.max(lower, 0) + 1_000
  const parts = Array.from(
    { length: 40 + excluded.length },
    (_, index) => lower + ((upper - lower) * (index + 1)) / (41 + excluded.length),
  )
  const edges = choice.boundary ? [range.lower, range.upper] : []
  const near = [0, 1, -1, lower, upper, lower + 1, upper - 1, 0.5, lower + 0.5, upper - 0.5]
  return [...edges, ...choice.order([...near, ...parts, ...parts.map(Math.round)])]
}
