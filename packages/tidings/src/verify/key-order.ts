/**
 * Keys are ordered as the bytes of their UTF-8 are, on every side: the only order that does not depend on the language of
 * a database. Texts in a binary collation and UUIDs have it in their index. Integers have it within each class of equally
 * many digits, so that a range of keys is one span of integers in each class, and an index over integers has them all.
 */
export function compareKeys(left: string, right: string): number {
  if (left === right) return 0
  const shorter = Math.min(left.length, right.length)
  for (let at = 0; at < shorter; at++) {
    const [one, other] = [left.charCodeAt(at), right.charCodeAt(at)]
    // Halves of surrogate pairs stand for what comes after everything else.
    if (one !== other) return isSurrogate(one) === isSurrogate(other) ? one - other : isSurrogate(one) ? 1 : -1
  }
  return left.length - right.length
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}

export function isWithin(key: string, { after, upTo }: { readonly after?: string; readonly upTo?: string }): boolean {
  return (after === undefined || compareKeys(key, after) > 0) && (upTo === undefined || compareKeys(key, upTo) <= 0)
}

/** Integers from `low` to `high`, all of one sign and with equally many digits: ordered as keys by their size. */
export interface Span {
  readonly low: bigint
  readonly high: bigint
}

const mostDigits = 19
const largest = 2n ** 63n - 1n

/** The integers of 64 bits whose texts are in a range of keys, by classes; at most 38 spans. */
export function spansOf(range: { readonly after?: string; readonly upTo?: string }): readonly Span[] {
  const spans: Span[] = []
  for (let digits = 1; digits <= mostDigits; digits++) {
    const first = digits === 1 ? 0n : 10n ** BigInt(digits - 1)
    const last = 10n ** BigInt(digits) - 1n
    const positive = part(first, last < largest ? last : largest, '', range)
    if (positive) spans.push(positive)
    const negative = part(first === 0n ? 1n : first, last < largest ? last : largest + 1n, '-', range)
    if (negative) spans.push({ low: -negative.high, high: -negative.low })
  }
  return spans
}

/** Those of a class whose texts are in the range: the texts grow as the integers do, so two searches find the ends. */
function part(
  first: bigint,
  last: bigint,
  sign: string,
  { after, upTo }: { readonly after?: string; readonly upTo?: string },
): Span | undefined {
  const low = after === undefined ? first : firstBehind(after, first, last, sign)
  const high = upTo === undefined ? last : firstBehind(upTo, first, last, sign) - 1n
  return low <= high ? { low, high } : undefined
}

/** The first integer whose text is behind a key. Beside digits, units of UTF-16 are ordered as bytes are. */
function firstBehind(key: string, first: bigint, last: bigint, sign: string): bigint {
  if (`${sign}${first}` > key) return first
  if (`${sign}${last}` <= key) return last + 1n
  let [low, high] = [first, last]
  while (low < high) {
    const middle = (low + high) / 2n
    if (`${sign}${middle}` > key) high = middle
    else low = middle + 1n
  }
  return low
}
