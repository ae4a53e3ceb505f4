const changes = ['capture/changes.postgres.test.ts']
const life = ['capture/life.postgres.test.ts']
const listing = ['capture/listing.postgres.test.ts']
const lifecycle = ['capture/lifecycle.postgres.test.ts']
const server = ['capture/server.postgres.test.ts']
const watch = ['capture/watch.postgres.test.ts']

/**
 * What a capture makes of the log of a database.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const captureMutations = [
  {
    promise: 'Nothing is confirmed to the database before the broker has answered.',
    file: 'capture/run.ts',
    from: `    if (events.length > 0) await this.#options.publisher.publish(events)
    this.#published = this.#reached`,
    to: `    this.#published = this.#reached
    if (events.length > 0) await this.#options.publisher.publish(events)`,
    tests: lifecycle,
    name: 'has not answered when it stops',
  },
  {
    promise: 'A row is not read before the transaction that changed it is visible.',
    file: 'capture/rows.ts',
    from: 'if (!new Snapshot(row![0]!).sees(xid)) return undefined',
    to: '',
    tests: server,
    name: 'a row is not read before',
  },
  {
    promise: 'A listing waits for commits that are in the log before it and not yet in the table.',
    file: 'capture/rows.ts',
    from: 'if (!new Snapshot(row![0]!).isAfter(horizon)) return undefined',
    to: '',
    tests: server,
    name: 'a listing waits',
  },
  {
    promise: 'Rows of a listing are published behind the changes that they have seen.',
    file: 'capture/run.ts',
    from: 'atNote: (work) => notes.run(work),',
    to: 'atNote: (work) => work(),',
    tests: listing,
    name: 'changes that a chunk has seen',
  },
  {
    promise: 'A table that is emptied while it is listed does not come back.',
    file: 'capture/listing.ts',
    from: "if (state().stage !== 'table') return\n",
    to: '',
    tests: changes,
    name: 'emptied while it is listed',
  },
  {
    promise: 'A listing goes on with the chunk where it was.',
    file: 'capture/listing.ts',
    from: 'const after = cursor === undefined ? undefined',
    to: 'const after = true ? undefined',
    tests: listing,
    name: 'is interrupted goes on',
  },
  {
    promise: 'What comes after an emptied table in the same transaction stays.',
    file: 'capture/transaction.ts',
    from: 'this.#count = firstOf(part + 1)',
    to: 'this.#count = firstOf(part)',
    tests: changes,
    name: 'emptied table ends every entity',
  },
  {
    promise: 'A transaction that comes in pieces ends like the table.',
    file: 'capture/run.ts',
    from: 'return isLarge && transaction.endsPart ?',
    to: 'return isLarge ?',
    tests: changes,
    name: 'larger than memory',
  },
  {
    promise: 'A newer state goes out although an older one in the same call was refused.',
    file: 'capture/publisher.ts',
    from: "if (answer.code === 'behind-refused') return true",
    to: "if (answer.code === 'behind-refused') return false",
    tests: changes,
    name: 'refused in the same call',
  },
  {
    promise: 'A changed key ends the old entity.',
    file: 'capture/transaction.ts',
    from: 'this.#set({ key: before, existed: true, row: undefined, form })',
    to: '',
    tests: changes,
    name: 'a changed key',
  },
  {
    promise: 'A slot that somebody created again is noticed.',
    file: 'capture/life.ts',
    from: 'if (slot.confirmed > state.confirmed) {',
    to: 'if (slot.confirmed < 0n) {',
    tests: life,
    name: 'somebody created again',
  },
  {
    promise: 'Log that the server removed is noticed.',
    file: 'capture/life.ts',
    from: "if (slot.status === 'lost') {",
    to: "if (slot.status === 'never') {",
    tests: server,
    name: 'removed before it was read',
  },
  {
    promise: 'A captured database that was restored is noticed.',
    file: 'capture/run.ts',
    from: 'if (this.#ahead.size > 0) throw restored()',
    to: '',
    tests: server,
    name: 'restored from a copy',
  },
  {
    promise: 'A crash is not taken for a restored database.',
    file: 'capture/run.ts',
    from: 'if (transaction.hasChanges) this.#ahead.delete(transaction.commit)',
    to: '',
    tests: ['capture/crash.postgres.test.ts'],
  },
  {
    promise: 'A table that was out of the publication while nothing was captured is listed again.',
    file: 'capture/life.ts',
    from: 'table: table.oid, publication, key }',
    to: 'table: table.oid, key }',
    tests: life,
    name: 'while nothing was captured',
  },
  {
    promise: 'A table that is out of the publication for a moment is listed again.',
    file: 'capture/connection.ts',
    from: 'if (present === this.#publication) return undefined',
    to: 'return undefined',
    tests: life,
    name: 'out of the publication for a while',
  },
  {
    promise: 'A topic that was made again gets everything.',
    file: 'capture/publisher.ts',
    from: 'if (lifeOf(position) !== lifeOf(this.position)) throw this.#topicEnded()',
    to: '',
    tests: life,
    name: 'made again',
  },
  {
    promise: 'A quiet table does not keep the log of a busy database.',
    file: 'capture/run.ts',
    from: 'if (hasHeartbeat || (isDue',
    to: 'if ((isDue',
    tests: watch,
    name: 'a quiet table',
  },
  {
    promise: 'A slow broker holds up the stream, and not the process.',
    file: 'capture/stream.ts',
    from: 'this.#connection?.stream.pause()',
    to: '',
    tests: watch,
    name: 'a broker that is slow',
  },
  {
    promise: 'Settings of the server do not change the form of captured values.',
    file: 'capture/session.ts',
    from: "await client.query({ text: begin + settings.join('') })",
    to: 'await client.query({ text: begin })',
    tests: ['capture/mapping.postgres.test.ts'],
    name: 'settings of the server',
  },
]
