const wakes = ['capture/follow-commits.postgres.test.ts']
const limits = ['capture/follow-limits.postgres.test.ts']
const relay = ['service/relay.postgres.test.ts']

/**
 * What wakes the relay of an outbox in PostgreSQL, and what that may cost the database.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const wakeUpMutations = [
  {
    promise: 'A relay is woken by what other programs commit.',
    file: 'service/relay.ts',
    from: 'wake: () => this.#outbox.wake() })',
    to: 'wake: () => undefined })',
    tests: relay,
    name: 'other programs commit',
  },
  {
    promise: 'Both tables of an outbox wake its relay.',
    file: 'service/wake-ups.ts',
    from: "['tidings.outbox_1', 'tidings.outbox_2']",
    to: "['tidings.outbox_1']",
    tests: relay,
    name: 'other programs commit',
  },
  {
    promise: 'A service is woken by what other processes commit.',
    file: 'service/running.ts',
    from: 'wake: () => this.#outbox.wake() })',
    to: 'wake: () => undefined })',
    tests: relay,
    name: 'what other processes commit',
  },
  {
    promise: 'Nobody is woken before what was committed can be seen.',
    file: 'capture/visible-commits.ts',
    from: '.filter((xid) => snapshot.sees(xid))',
    to: '',
    tests: wakes,
    name: 'before what was committed can be seen',
  },
  {
    promise: 'Whoever waits to see a commit looks until it does.',
    file: 'capture/visible-commits.ts',
    from: 'while (this.#waiting.size > 0 && !this.#ending.signal.aborted) {',
    to: 'for (let looks = 0; looks < 4; looks++) {',
    tests: wakes,
    name: 'before what was committed can be seen',
  },
  {
    promise: 'Commits that come together wake once.',
    file: 'capture/visible-commits.ts',
    from: 'for (const xid of seen) this.#waiting.delete(xid)',
    to: 'this.#waiting.delete(seen[0]!)',
    tests: wakes,
    name: 'wake once together',
  },
  {
    promise: 'The slot of whoever follows goes with the connection.',
    file: 'capture/followed-connection.ts',
    from: ' TEMPORARY LOGICAL',
    to: ' LOGICAL',
    tests: wakes,
    name: 'nothing but the publication is left',
  },
  {
    promise: 'What is written is not sent to whoever follows commits.',
    file: 'capture/followed-tables.ts',
    from: 'case when s.version >= 150000 then narrow.list end',
    to: 'null',
    tests: wakes,
    name: 'nothing of them but a number',
  },
  {
    promise: 'Whoever follows commits lets the log go that is about other tables.',
    file: 'capture/followed-connection.ts',
    from: '      confirmsWhatIsRead: true,\n',
    to: '',
    tests: limits,
    name: 'does not grow while others write',
  },
  {
    promise: 'Whoever follows commits lets go where the database would have to keep too much log.',
    file: 'capture/followed-connection.ts',
    from: 'found.retainedBytes > mostRetainedBytes',
    to: 'found.retainedBytes < 0',
    tests: limits,
    name: 'above a limit of log',
  },
  {
    promise: 'A slot does not wait for ever for a transaction that is open, and keeps the log.',
    file: 'capture/followed-connection.ts',
    from: "    await client.query(`set lock_timeout to '${slotWaits}'`)\n",
    to: '',
    tests: limits,
    name: 'open for long lets nobody begin',
  },
  {
    promise: 'A half-open connection to the log is noticed.',
    file: 'capture/followed-connection.ts',
    from: "if (!found) this.#end(new Error('PostgreSQL has ended the replication connection.'))",
    to: 'if (!found) return',
    tests: limits,
    name: 'whose slot is gone',
  },
  {
    promise: 'No commit waits for whoever follows.',
    file: 'capture/followed-tables.ts',
    from: 'if (!/\\*/.test(row![0]!)) return',
    to: 'if (row) return',
    tests: limits,
    name: 'would wait for whoever follows',
  },
  {
    promise: 'Whoever follows commits lets go when they are set to wait for him.',
    file: 'capture/followed-connection.ts',
    from: '      await checkFollowing(pool)\n',
    to: '',
    tests: limits,
    name: 'lets go when commits are set to wait',
  },
  {
    promise: 'A connection to the log that was cut is made again.',
    file: 'capture/follow-commits.ts',
    from: 'while (!signal.aborted) {',
    to: 'for (let attempts = 0; attempts < 1; attempts++) {',
    tests: wakes,
    name: 'a connection that is cut',
  },
]
