const agreement = ['verify/agreement.postgres.test.ts']
const asStored = ['verify/as-stored.postgres.test.ts']
const timeLimit = ['verify/http/time-limit.postgres.test.ts']
const applier = ['replica/applier.test.ts']

/**
 * What the digests of large tables hang on: their order, how long an owner works, and that copies are filled page by page.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const digestMutations = [
  {
    promise: 'Text keys are in the order of their bytes, whatever the collation of their column.',
    file: 'verify/postgres/keys.ts',
    from: 'const { ordered = text,',
    to: 'const { ordered = options.text,',
    tests: agreement,
    name: 'und-x-icu',
  },
  {
    promise: 'A page of SQLite begins behind the one before.',
    file: 'verify/sqlite-rows.ts',
    from: "after === undefined ? '>=' : '>'",
    to: "after === undefined ? '>=' : '>='",
    tests: ['verify/sqlite-rows.test.ts'],
    name: 'come one after the other',
  },
  {
    promise: 'An entity that is not published as it is stored is not compared as if it were.',
    file: 'verify/owned.ts',
    from: 'if (column !== undefined) throw notAsStored(',
    to: 'if (column === key) throw notAsStored(',
    tests: asStored,
    name: 'is refused',
  },
  {
    promise: 'SQL tells NULL from absent as the schema does.',
    file: 'verify/postgres/stored.ts',
    from: "types.has('null') ? tags.null : tags.absent",
    to: "types.has('null') ? tags.null : tags.null",
    tests: asStored,
    name: 'the same hashes in SQL',
  },
  {
    promise: 'SQL leaves numbers to the process that no number of JavaScript holds.',
    file: 'verify/postgres/stored.ts',
    from: "'0')) > 15`",
    to: "'0')) > 1500`",
    tests: asStored,
    name: 'the same hashes in SQL',
  },
  {
    promise: 'An owner ends what takes its process too long.',
    file: 'verify/time-limit.ts',
    from: 'limitMs !== undefined && clock',
    to: 'limitMs === -1 && clock',
    tests: asStored,
    name: 'takes too long for a range',
  },
  {
    promise: 'An owner ends a statement that takes too long.',
    file: 'verify/postgres/reader.ts',
    from: 'Math.max(1, Math.ceil(limitMs))',
    to: '0 * limitMs',
    tests: timeLimit,
    name: 'even few rows',
  },
  {
    promise: 'Whoever compares asks for less where the owner takes too long.',
    file: 'verify/compare.ts',
    from: '!isRangeTooLarge(error) || !this.#pace.shrink(rows)',
    to: '!isRangeTooLarge(error) || rows > 0',
    tests: timeLimit,
    name: 'ends a statement',
  },
  {
    promise: 'A range that is too large to be taken apart is halved.',
    file: 'verify/bisect.ts',
    from: '!isRangeTooLarge(error) || rows <= fewRows',
    to: '!isRangeTooLarge(error) || rows > 0',
    tests: timeLimit,
    name: 'ends a statement',
  },
  {
    promise: 'Of the changes of one transaction the newest of each key stays.',
    file: 'replica/applier.ts',
    from: '!other || change.version > other.version',
    to: '!other || change.version !== other.version',
    tests: applier,
    name: 'in whatever order',
  },
  {
    promise: 'A page brings no row back to a copy in PostgreSQL that was deleted in a newer version.',
    file: 'replica/postgres.ts',
    from: 't.version >= r.c${version}',
    to: "t.version >= r.c${version} || '~'",
    tests: applier,
    name: 'wrong order, twice',
  },
  {
    promise: 'A text is in a copy in PostgreSQL as it came, whatever it quotes.',
    file: 'replica/postgres.ts',
    from: "'\\\\$&')}",
    to: "'$&')}",
    tests: ['replica/replica.postgres.test.ts'],
    name: 'hold whatever comes',
  },
]
