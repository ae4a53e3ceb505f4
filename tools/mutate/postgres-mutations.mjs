const conformance = ['engines/postgres/conformance.postgres.test.ts']

/**
 * What several servers on one database hang on, and what PostgreSQL must not lose or hide.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const postgresMutations = [
  {
    promise:
      'Whoever appends holds the lock of the topic: offsets are dense and in commit order, whichever server gives them.',
    file: 'engines/postgres/topic.ts',
    from: 'where ${byName} for update`',
    to: 'where ${byName}`',
    tests: conformance,
    name: 'two engines',
  },
  {
    promise: 'An owner that another server replaced commits nothing.',
    file: 'engines/postgres/ledger.ts',
    from: 'and epoch = $4 and not removed for update',
    to: 'and $4::bigint > 0 and not removed for update',
    tests: conformance,
    name: 'two engines: commits',
  },
  {
    promise: 'A commit of which nothing is known is waited for before the next one of its ledger.',
    file: 'engines/postgres/ledger.ts',
    from: '() => this.#settled(ownership.id).then(() => this.#commit(ownership, changes)),',
    to: '() => this.#commit(ownership, changes),',
    tests: ['engines/postgres/ledger.postgres.test.ts'],
  },
  {
    promise: 'An append is answered after its commit.',
    file: 'engines/postgres/session.ts',
    from: "await run('commit')",
    to: "void run('commit').catch(() => undefined)",
    tests: ['engines/postgres/crash.postgres.test.ts'],
  },
  {
    promise: 'A record that stands at another place, or of which the columns were changed, is found to be damaged.',
    file: 'engines/postgres/sealed.ts',
    from: 'crc32(value.subarray(0, 1), crc32(place))',
    to: 'crc32(value.subarray(0, 1))',
    tests: ['engines/postgres/damage.postgres.test.ts'],
  },
  {
    promise: 'Servers that start at once make one store.',
    file: 'engines/postgres/migrations.ts',
    from: "await run('select pg_advisory_xact_lock($1)', [migrationLock])",
    to: '',
    tests: ['engines/postgres/start.postgres.test.ts'],
    name: 'at once',
  },
  {
    promise: 'A database that was copied or recovered begins another life of its topics.',
    file: 'engines/postgres/migrations.ts',
    from: 'if (before !== place) await beginAnotherLife(run, session.environment)',
    to: '',
    tests: ['engines/postgres/lives.postgres.test.ts'],
    name: 'another life',
  },
  {
    promise: 'An engine does not go on with a server that took the place of its own.',
    file: 'engines/postgres/wake-ups.ts',
    from: 'await this.#session.ensureSameHistory()',
    to: '',
    tests: ['engines/postgres/lives.postgres.test.ts'],
    name: 'while it ran',
  },
  {
    promise: 'A server that stands still in the middle of an append holds nobody up for long.',
    file: 'engines/postgres/session.ts',
    from: "set local idle_in_transaction_session_timeout = '10s';",
    to: '',
    tests: ['engines/postgres/standstill.postgres.test.ts'],
  },
  {
    promise: 'A full disk of PostgreSQL refuses, and what was refused may be sent again.',
    file: 'engines/postgres/failures.ts',
    from: 'if (code === diskFull) {',
    to: "if (code === '') {",
    tests: ['engines/postgres/full-disk.postgres.test.ts'],
  },
  {
    promise: 'The times of a log do not go back where the clocks of servers differ.',
    file: 'engines/postgres/topic-appender.ts',
    from: 'Math.max(Math.floor(session.environment.clock.now()), topic.appended_at)',
    to: 'Math.floor(session.environment.clock.now())',
    tests: ['engines/postgres/window.postgres.test.ts'],
  },
  {
    promise: 'A hint that was lost is made up for.',
    file: 'engines/postgres/wake-ups.ts',
    from: 'await this.#compareHeads()',
    to: 'await Promise.resolve()',
    tests: ['engines/postgres/wake-ups.postgres.test.ts'],
  },
  {
    promise: 'What a trim kept as the newest of its key goes once it is replaced.',
    file: 'engines/postgres/topic-appender.ts',
    from: 'batch.replaced.filter((offset) => offset <= topic.trimmed)',
    to: '[]',
    tests: conformance,
    name: 'lets go of what a newer',
  },
  {
    promise: 'What is known of the catalogue stays known while it is loaded again.',
    file: 'broker/catalog.ts',
    from: 'const entries = new Map<string, unknown>()',
    to: 'const entries = this.#entries\n    entries.clear()',
    tests: ['broker/catalog.test.ts'],
    name: 'stays known',
  },
]
