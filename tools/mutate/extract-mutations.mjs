const changes = ['extract/changes.postgres.test.ts']
const ends = ['extract/ends.postgres.test.ts']
const fence = ['extract/fence.postgres.test.ts']
const path = ['extract/path.postgres.test.ts']
const switching = ['extract/switch.postgres.test.ts']

/**
 * What taking a table out of a shared database hangs on.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const extractMutations = [
  {
    promise: 'The new tables are opened only when they have everything.',
    file: 'extract/switch.ts',
    from: '  if (!(await drained(parts, sides.new, { token, limitMs, signal }))) throw tooLate(signal, limitMs)\n',
    to: '',
    tests: switching,
    name: 'not drained in time',
  },
  {
    promise: 'The old tables are opened again only when they have everything.',
    file: 'extract/return.ts',
    from: '    if (!(await drained(parts, sides.old, { token, ...limits }))) throw tooLate(limits.signal, limits.limitMs)\n',
    to: '',
    tests: switching,
    name: 'not drained in time',
  },
  {
    promise: 'A mark of another attempt opens nothing.',
    file: 'extract/drain.ts',
    from: 'drained === token',
    to: 'drained !== null',
    tests: switching,
    name: 'not drained in time',
  },
  {
    promise: 'What nobody decides in its time is given up by whoever follows.',
    file: 'extract/follower.ts',
    from: '      if (present && (await isOverdue(options, present))) await endOverdue(options, present)\n',
    to: '',
    tests: switching,
    name: 'whose process is gone',
  },
  {
    promise: 'An old side that was left guarded is opened again.',
    file: 'extract/give-up.ts',
    from: '  await openOldAgain(parts, state, guard)\n',
    to: '',
    tests: switching,
    name: 'has left guarded',
  },
  {
    promise: 'Sequences stand behind every number that was given.',
    file: 'extract/switch.ts',
    from: '    for (const [place, pair] of pairs.entries()) await advanceSequences(session, pair.new, reached[place]!)\n',
    to: '',
    tests: switching,
    name: 'not given again',
  },
  {
    promise: 'Writers are not switched before both sides were found equal.',
    file: 'extract/extraction.ts',
    from: 'if (comparedAt === undefined && !uncompared)',
    to: 'if (comparedAt === undefined && uncompared)',
    tests: switching,
    name: 'before both sides were found equal',
  },
  {
    promise: 'A process of the past applies nothing.',
    file: 'extract/follow.ts',
    from: 'if (row.guard !== token || row.position !== this.#position)',
    to: 'if (row.guard === undefined)',
    tests: fence,
    name: 'applies nothing',
  },
  {
    promise: 'A guard holds for sessions that replicate.',
    file: 'extract/guard.ts',
    from: 'enable always trigger',
    to: 'enable trigger',
    tests: fence,
    name: 'a guard holds',
  },
  {
    promise: 'The old side refuses writes while the new one takes them.',
    file: 'extract/guard.ts',
    from: '  for (const table of tables) await guardTable(session, guarded, table)\n',
    to: '',
    tests: path,
  },
  {
    promise: 'A long value that did not change stays.',
    file: 'extract/apply.ts',
    from: 'row[place] !== undefined && !isFixed',
    to: '!isFixed',
    tests: changes,
    name: 'in one direction and in the other',
  },
  {
    promise: 'Triggers do not fire for what is followed.',
    file: 'extract/guard.ts',
    from: '      await session.rows(`alter table ${table} disable trigger ${quoted(name!)}`)\n',
    to: '',
    tests: changes,
    name: 'triggers of people',
  },
  {
    promise: 'A slot that was created again is noticed.',
    file: 'extract/log.ts',
    from: "  if (slot.confirmed > position) return 'its replication slot was created again, or moved, by somebody else'\n",
    to: '',
    tests: ends,
    name: 'answered by filling anew',
  },
  {
    promise: 'A table that was out of the publication is noticed.',
    file: 'extract/log.ts',
    from: 'if ((await publicationOf(side, tables)) !== row?.publication)',
    to: 'if (!row)',
    tests: ends,
    name: 'out of the publication',
  },
  {
    promise: 'Logs are made and removed by one process at a time.',
    file: 'extract/log.ts',
    from: 'if (hadTurn) return\n',
    to: 'if (!hadTurn && (await parts.store.load())?.state === state) await work()\n      return\n',
    tests: ends,
    name: 'makes the log',
  },
  {
    promise: 'A log is made only in a state that has use for it.',
    file: 'extract/log.ts',
    from: 'if ((await parts.store.load())?.state === state) await work()',
    to: 'await work()',
    tests: ends,
    name: 'is about to',
  },
]
