const compare = ['verify/compare.test.ts']
const exact = ['contract/exact-json.test.ts']
const applier = ['replica/applier.test.ts']

/**
 * What the comparison of a copy with its source hangs on, and that there is nothing in a copy that was rounded.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const verifyMutations = [
  {
    promise: 'A change that is under way is no difference.',
    file: 'verify/doubts.ts',
    from: 'else if (now - seen.since >= patienceMs) {',
    to: 'else {',
    tests: compare,
    name: 'reaches the copy in time',
  },
  {
    promise: 'A row that was written meanwhile is looked at anew.',
    file: 'verify/doubts.ts',
    from: 'else if (seen.marks !== marks) this.#written',
    to: 'else if (seen.marks === undefined) this.#written',
    tests: compare,
    name: 'gives each change',
  },
  {
    promise: 'Rows that only the copy has are found.',
    file: 'verify/compare.ts',
    from: 'for (const { key } of page) if (!known.has(key)) doubts.add(key)',
    to: '',
    tests: compare,
    name: 'that only the copy has',
  },
  {
    promise: 'A second row of a key is found.',
    file: 'verify/difference.ts',
    from: "if (second) return { key, kind: 'only-in-copy', columns: [] }",
    to: '',
    tests: compare,
    name: 'that are there twice',
  },
  {
    promise: 'NULL is not taken for a value that is absent.',
    file: 'verify/canonical.ts',
    from: 'data[column] !== undefined',
    to: 'data[column] != undefined',
    tests: compare,
    name: 'null from absent',
  },
  {
    promise: 'An integer beyond 2^53 is read with all its digits.',
    file: 'contract/exact-json.ts',
    from: 'return /^\\s*-?\\d+\\s*$/.test(text) ? BigInt(text) : value',
    to: 'return value',
    tests: exact,
  },
  {
    promise: 'A payload is not refused for a double that stands beside many digits.',
    file: 'contract/exact-json.ts',
    from: 'return /^\\s*-?\\d+\\s*$/.test(text) ? BigInt(text) : value',
    to: 'return BigInt(value)',
    tests: ['contract/contract.test.ts'],
    name: 'no integer of its text',
  },
  {
    promise: 'An integer beyond 2^53 is in a copy as it is.',
    file: 'replica/sqlite.ts',
    from: "typeof value === 'number' || isInteger(value)) return [value]",
    to: "typeof value === 'number') return [value]",
    tests: applier,
    name: 'is an integer in SQLite',
  },
]
