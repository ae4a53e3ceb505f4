const causes = ['drift/cause.test.ts', 'drift/mend.test.ts']
const keys = ['outbox/keys.test.ts']
const drift = ['../../server/src/drift/drift.postgres.test.ts']

/**
 * What hangs on the finding of causes, and on repairs that go the ordinary way.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const driftMutations = [
  {
    promise: 'A copy is not blamed for what its owner never told.',
    file: 'drift/cause.ts',
    from: 'if (owner && !isTold(owner, topic)) return untold(owner, topic)',
    to: '',
    tests: causes,
  },
  {
    promise: 'What waits for the relay is not published a second time.',
    file: 'drift/cause.ts',
    from: 'if (owner.unsent.length > 0) {',
    to: 'if (owner.unsent.length > 1) {',
    tests: causes,
  },
  {
    promise: 'What somebody wanted to be gone is not published again.',
    file: 'drift/cause.ts',
    from: 'if (newest?.isErased || (newest?.isDeleted && owner.isPresent && isErasure(newest, version))) {',
    to: 'if (newest?.isErased) {',
    tests: causes,
  },
  {
    promise: 'An owner whose counter was set back is told from one that did not tell.',
    file: 'drift/cause.ts',
    from: 'const isStale = stale !== undefined && sameVersion(stale.version, version)',
    to: 'const isStale = false',
    tests: causes,
  },
  {
    promise: 'An edit of a copy is told from an older state that was applied last.',
    file: 'drift/cause.ts',
    from: 'said && areComparable(said, copy) ? sameValues(said.values, copy.values) : versionIn(version)',
    to: 'versionIn(version)',
    tests: causes,
  },
  {
    promise: 'What a copy invented is passed by what is published again.',
    file: 'drift/mend.ts',
    from: 'if (versionIn(highest)) return publishAgain(highest)',
    to: 'if (versionIn(highest)) return publishAgain()',
    tests: causes,
  },
  {
    promise: 'An event of an older schema is compared as the copy reads it.',
    file: 'drift/reading.ts',
    from: 'if (this.#entity) {',
    to: 'if (false) {',
    tests: ['drift/schema-versions.test.ts'],
  },
  {
    promise: 'What is in different versions of a schema is not compared.',
    file: 'drift/cause.ts',
    from: 'if (owner.values !== undefined && !areComparable(owner, newest)) return sameVersion(owner.version, newest.version)',
    to: '',
    tests: causes,
  },
  {
    promise: 'A copy that could not read an event is told from one that was written to.',
    file: 'drift/cause.ts',
    from: 'if (copy.unread && copy.unread.version >= newest.version) {',
    to: 'if (copy.unread && !newest) {',
    tests: causes,
  },
  {
    promise: 'What is published again is newer than what others have seen.',
    file: 'outbox/writer.ts',
    from: 'return Math.max(counter, sequence)',
    to: 'return counter',
    tests: keys,
    name: 'goes on above',
  },
  {
    promise: 'What is not there any more is published as deleted.',
    file: 'outbox/keys.ts',
    from: '{ complete: true, ...(above && { above }) }',
    to: '{ ...(above && { above }) }',
    tests: keys,
    name: 'publishes what is not there',
  },
  {
    promise: 'One row that cannot be published keeps no other from it.',
    file: 'outbox/keys.ts',
    from: 'if (error instanceof TidingsError && error.retryable) throw error',
    to: 'throw error',
    tests: keys,
    name: 'disturb others',
  },
  {
    promise: 'A row that PostgreSQL has committed and not sent is known.',
    file: 'outbox/postgres/statements.ts',
    from: `select * from tidings.outbox where topic = $1 and xid >= coalesce(pg_snapshot_xmax(p.done), '0')`,
    to: `select * from tidings.outbox where topic = $1 and xid > coalesce(pg_snapshot_xmax(p.done), '9999999999')`,
    tests: keys,
    name: 'waits for the relay',
  },
  {
    promise: 'What was sent already does not count as waiting.',
    file: 'outbox/postgres/statements.ts',
    from: "select * from tidings.outbox where topic = $1 and xid >= coalesce(pg_snapshot_xmax(p.done), '0')",
    to: "select * from tidings.outbox where topic = $1 and xid >= '0'",
    tests: keys,
    name: 'waits for the relay',
  },
  {
    promise: 'What was sent already of what is being sent does not count as waiting.',
    file: 'outbox/postgres/statements.ts',
    from: 'where o.key = any (${listedKeys}) and (p.goal is null or o.id > p.at or not pg_visible_in_snapshot(o.xid, p.goal))',
    to: 'where o.key = any (${listedKeys})',
    tests: keys,
    name: 'of what is being sent',
  },
  {
    promise: 'What is repaired stands in the audit before it is done.',
    file: 'drift/repair.ts',
    from: 'await broker.noteRepair(caller, { topic, repairs })',
    to: '',
    tests: drift,
    name: 'the audit has it',
  },
  {
    promise: 'The newest event of an entity is found however much stands behind it.',
    file: 'broker/history.ts',
    from: 'for (const record of await engine.log.newest(id, keys)) found.set(record.offset, record)',
    to: '{}',
    tests: ['broker/local-broker.test.ts'],
    name: 'history',
  },
  {
    promise: 'Who goes on with a history finds the next event, and none twice.',
    file: 'broker/history.ts',
    from: 'const end = before === undefined ? head : parsePosition(before, incarnation) - 1',
    to: 'const end = before === undefined ? head : parsePosition(before, incarnation) - 2',
    tests: ['broker/local-broker.test.ts'],
    name: 'history',
  },
]
