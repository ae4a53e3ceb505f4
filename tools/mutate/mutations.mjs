/**
 * What every promise hangs on: a line of the source, and what happens when it is taken out. For each mutation at least
 * one of the named tests must turn red; a mutation that survives is a promise that nothing proves.
 *
 * @typedef {object} Mutation
 * @property {string} promise What the users would lose, in words.
 * @property {string} file Below `packages/tidings/src`.
 * @property {string} from Stands in the file exactly once.
 * @property {string} to
 * @property {readonly string[]} tests Test files below `packages/tidings/src`.
 */

const delivery = ['machine', 'failure', 'recovery', 'aside', 'schedule'].map((name) => `delivery/${name}.test.ts`)
const histories = ['delivery/history.test.ts']

/** @type {readonly Mutation[]} */
export const mutations = [
  // ------------------------------------------------------------------------------------------------ order and leases
  {
    promise: 'A key has one holder at a time.',
    file: 'delivery/shard-state.ts',
    from: "const mayMove = head?.state === 'ready' && queue.leased === 0 && !this.isReserved(head)",
    to: "const mayMove = head?.state === 'ready' && !this.isReserved(head)",
    tests: [...delivery, ...histories],
  },
  {
    promise: 'An acknowledgement out of order is refused.',
    file: 'delivery/machine.ts',
    from: "if (outcome.action !== 'release' && entry.queue.firstLeased() !== entry) return 'lease-out-of-order'",
    to: '',
    tests: delivery,
  },
  {
    promise: 'A retry inside a run returns the rest unattempted.',
    file: 'delivery/machine.ts',
    from: 'this.#transitions.returnRest(entry)',
    to: '',
    tests: [...delivery, ...histories],
  },
  {
    promise: 'A late settle of a previous holder changes nothing.',
    file: 'delivery/machine.ts',
    from: 'entry?.lease?.id === token.id',
    to: 'entry?.lease !== undefined',
    tests: delivery,
  },
  {
    promise: 'A lease mark is committed before anything above it is handed out.',
    file: 'delivery/machine.ts',
    from: 'if (entry.offset > this.state.leaseMark) {',
    to: 'if (entry.offset > this.state.leaseMark && this.state.leaseMark === 0) {',
    tests: [...delivery, ...histories],
  },
  {
    promise: 'A late holder of before a crash gets no lease back.',
    file: 'delivery/holders.ts',
    from: "const mayHold = this.#state.isReserved(entry) && this.#missing.has(holder) && entry.state === 'ready'",
    to: "const mayHold = entry.state === 'ready'",
    tests: delivery,
  },
  {
    promise: 'After a crash nothing within reach of a missing holder is handed out before its grace is over.',
    file: 'delivery/holders.ts',
    from: 'if (this.#missing.size > 0) state.reservedThrough = state.leaseMark',
    to: '',
    tests: [...delivery, ...histories],
  },
  {
    promise: 'One message that kills its process does not dead-letter innocents: the guilty one goes alone.',
    file: 'delivery/suspects.ts',
    from: 'if (suspectsInFlight.size > 0 || suspects.size === 0) return []',
    to: 'if (suspects.size === 0) return []',
    tests: delivery,
  },
  {
    promise: 'A message that kills its consumer every time ends as a dead letter.',
    file: 'delivery/suspects.ts',
    from: 'if (entry.attempts < this.#transitions.policy.retry.maxAttempts) taken.push(entry)',
    to: 'taken.push(entry)',
    tests: delivery,
  },
  {
    promise: 'After another crash suspects go alone again.',
    file: 'delivery/transitions.ts',
    from: 'this.#state.suspectsAtOnce = 1',
    to: '',
    tests: delivery,
  },
  // ------------------------------------------------------------------------------------------ retries, dead letters
  {
    promise: 'Retries come first, then the dead letter.',
    file: 'delivery/transitions.ts',
    from: 'if (entry.attempts >= retry.maxAttempts) return this.bury(entry, reason, crashed, now)',
    to: '',
    tests: delivery,
  },
  {
    promise: 'A retry comes no sooner than its handler asked.',
    file: 'delivery/transitions.ts',
    from: 'Math.max(afterMs, retryDelayMs(retry, entry.attempts, this.#random.next()))',
    to: 'retryDelayMs(retry, entry.attempts, this.#random.next())',
    tests: delivery,
  },
  {
    promise: 'Park: later events of a key wait behind its dead letter.',
    file: 'delivery/key-queue.ts',
    from: 'return offset > (this.dead[0] ?? Infinity) || offset >= (this.parkedFrom ?? Infinity)',
    to: 'return offset >= (this.parkedFrom ?? Infinity)',
    tests: [...delivery, ...histories],
  },
  {
    promise: 'What is parked keeps its order: a later event waits while an earlier one is parked.',
    file: 'delivery/key-queue.ts',
    from: 'return offset > (this.dead[0] ?? Infinity) || offset >= (this.parkedFrom ?? Infinity)',
    to: 'return offset > (this.dead[0] ?? Infinity)',
    tests: [...delivery, ...histories],
  },
  {
    promise: 'A full state heals a copy: it supersedes the dead letter before it.',
    file: 'delivery/transitions.ts',
    from: "if (this.policy.onDeadLetter === 'supersede' && queue.dead.length > 0) this.#aside.end(queue, 'superseded')",
    to: '',
    tests: delivery,
  },
  {
    promise: 'A dead letter whose consumer never answered holds the floor.',
    file: 'delivery/aside.ts',
    from: 'this.#state.holdFloor({ offset })',
    to: '',
    tests: delivery,
  },
  {
    promise: 'A dead letter that is redriven comes once.',
    file: 'delivery/aside.ts',
    from: 'unsaved.write(deadKey(offset), null)',
    to: '',
    tests: [...delivery, ...histories, 'broker/local-broker.test.ts'],
  },
  {
    promise: 'What was parked comes back once.',
    file: 'delivery/aside.ts',
    from: 'this.#state.unsaved.write(ledgerKey, null)',
    to: '',
    tests: [...delivery, ...histories],
  },
  {
    promise: 'What was parked while its key was read comes back too.',
    file: 'delivery/aside.ts',
    from: 'rest = Math.min(rest, parkedSince)',
    to: '',
    tests: delivery,
  },
  // ------------------------------------------------------------------------------------------------- schedule, seek
  {
    promise: 'Nothing that is scheduled is delivered early.',
    file: 'delivery/intake.ts',
    from: 'if (due > now.wall) return this.#schedule.add(offset, event.key, due)',
    to: '',
    tests: histories,
  },
  {
    promise: 'A scheduled event comes once, also after a crash.',
    file: 'delivery/schedule.ts',
    from: 'this.#state.unsaved.write(scheduledKey(due, offset), null)',
    to: '',
    tests: histories,
  },
  {
    promise: 'What was scheduled while the ledger was read comes too.',
    file: 'delivery/schedule.ts',
    from: 'else this.#reading?.since.push(scheduled)',
    to: '',
    tests: ['delivery/schedule.test.ts'],
  },
  {
    promise: 'A delivery is a replay only if an earlier generation acknowledged it.',
    file: 'delivery/generations.ts',
    from: 'exceptions: [...state.entries.keys(), ...aside].sort((left, right) => left - right),',
    to: 'exceptions: [...state.entries.keys()].sort((left, right) => left - right),',
    tests: histories,
  },
  {
    promise: 'What an earlier generation acknowledged comes as a replay, however far back the seek goes.',
    file: 'delivery/generations.ts',
    from: 'state.earlier = [ended, ...state.earlier.map((generation) => ({ ...generation, effects }))]',
    to: 'state.earlier = [ended]',
    tests: histories,
  },
  {
    promise: 'A seek loses no dead letter from before its start.',
    file: 'delivery/seek.ts',
    from: 'if (offset <= start) continue',
    to: '',
    tests: [...histories, 'broker/local-broker.test.ts'],
  },
  {
    promise: 'No lease of before a seek counts after it.',
    file: 'delivery/machine.ts',
    from: 'const holds = token.generation === this.state.generation && entry?.lease?.id === token.id',
    to: 'const holds = entry !== undefined',
    tests: delivery,
  },
  {
    promise: 'The ledger keeps the story of every event up to where it speaks for the log.',
    file: 'delivery/unsaved.ts',
    from: 'if (entry.offset > this.#touched) return { through: entry.offset - 1, open }',
    to: 'if (entry.offset > this.#touched) return { through: cursor, open }',
    tests: [...delivery, ...histories],
  },
  // --------------------------------------------------------------------------------------------------------- outbox
  {
    promise: 'A number that commits late is not skipped.',
    file: 'outbox/statements.ts',
    from: "remove: 'delete from tidings_outbox where id in (select value from json_each(?))',",
    to: "remove: 'delete from tidings_outbox where id <= (select max(value) from json_each(?))',",
    tests: ['outbox/relay.test.ts'],
  },
  {
    promise: 'A refused event holds the later ones of its key.',
    file: 'outbox/held.ts',
    from: 'if (key) await holdBehind(transaction, topic, key, environment)',
    to: '',
    tests: ['outbox/held.test.ts'],
  },
  {
    promise: 'A relay that was paused longer than its lease removes nothing.',
    file: 'outbox/relay.ts',
    from: 'await ownership.ensure(transaction)\n      if (outcome.accepted.length > 0)',
    to: 'if (outcome.accepted.length > 0)',
    tests: ['outbox/ownership.test.ts'],
  },
  {
    promise: 'No living relay is replaced because of one stale read.',
    file: 'outbox/ownership.ts',
    from: 'if (!first || mark !== this.#seen.mark) this.#seen = { mark, at: now }',
    to: 'if (!first || this.#seen.mark === undefined) this.#seen = { mark, at: now }',
    tests: ['outbox/ownership.test.ts'],
  },
  {
    promise: 'Somebody is told of a refused event.',
    file: 'outbox/relay.ts',
    from: "this.#options.alarm({ alarm: 'held', message, topic, key: text, id, code })",
    to: '',
    tests: ['outbox/held.test.ts'],
  },
  {
    promise: 'Copies follow the table: commit order is version order.',
    file: 'outbox/writer.ts',
    from: 'const { sequence, present } = row!',
    to: 'const { present } = row!; const sequence = 1',
    tests: ['outbox/writer.test.ts'],
  },
  {
    promise: 'A restored database is noticed.',
    file: 'outbox/restore.ts',
    from: 'return next === undefined || state.counter > next.assigned',
    to: 'return false',
    tests: ['outbox/restore.test.ts'],
  },
  {
    promise: 'Copies do not stick to the lost state of a restored database.',
    file: 'outbox/restore.ts',
    from: 'await transaction.query(statements.raiseSource, [Math.max(minutes, (await readSourceEpoch(transaction)) + 1)])',
    to: '',
    tests: ['outbox/restore.test.ts'],
  },
  // ------------------------------------------------------------------------------------------------ inbox, handlers
  {
    promise: 'An effect happens once: the inbox is asked first.',
    file: 'service/handler.ts',
    from: "if (delivery.replay === 'skip' || (await parts.inbox.has(delivery))) return { outcome: { action: 'ack' } }",
    to: '',
    tests: ['service/handlers.test.ts'],
  },
  {
    promise: 'An echo of a delivery that was settled long ago has no effect.',
    file: 'service/handler.ts',
    from: 'if ((await parts.inbox.mayBeEcho(delivery)) && !(await holdsLease(parts, delivery))) return echo',
    to: '',
    tests: ['service/echo.test.ts'],
  },
  {
    promise: 'A handler without a transaction of its own is remembered too.',
    file: 'service/handler.ts',
    from: 'if (!this.committed) await this.#transact(() => undefined)',
    to: '',
    tests: ['service/handlers.test.ts'],
  },
  {
    promise: 'Two services may use one id.',
    file: 'inbox/statements.ts',
    from: "generations: 'select generation from tidings_inbox where subscription = ? and source = ? and id = ?',",
    to: "generations: 'select generation from tidings_inbox where subscription = ? and ? is not null and id = ?',",
    tests: ['inbox/inbox.test.ts'],
  },
  {
    promise: 'A row of the inbox stays until the floor was told after it.',
    file: 'inbox/statements.ts',
    from: 'and number <= ? and counter <= ?',
    to: 'and number <= ? and ? >= 0',
    tests: ['inbox/inbox.test.ts'],
  },
  {
    promise: 'A consumer whose database was restored gets again what it lost.',
    file: 'inbox/recover.ts',
    from: 'if (description.watermark <= inbox.counter) {',
    to: 'if (description.watermark >= 0) {',
    tests: ['inbox/recover.test.ts'],
  },
  // -------------------------------------------------------------------------------------------------------- replicas
  {
    promise: 'Nobody reads a copy before it is complete.',
    file: 'replica/build-run.ts',
    from: 'if (comparePositions(this.#floor, this.#listedUntil) < 0) return',
    to: '',
    tests: ['replica/table-replica.test.ts'],
  },
  {
    promise: 'A copy in memory misses nothing that happens while it is filled.',
    file: 'replica/memory-replica.ts',
    from: 'from ??= page.from',
    to: 'from = page.until',
    tests: ['replica/memory-replica.test.ts'],
  },
  {
    promise: 'The same delete and update in the wrong order, twice: the copy ends equal.',
    file: 'replica/statements.ts',
    from: 'where excluded.tidings_version > tidings_version`,',
    to: '`,',
    tests: ['replica/applier.test.ts'],
  },
  {
    promise: 'The same in memory.',
    file: 'replica/memory-replica.ts',
    from: "if ((versions.get(key) ?? '') >= version) return []",
    to: '',
    tests: ['replica/memory-replica.test.ts'],
  },
  {
    promise: 'A copy notices that its topic began anew.',
    file: 'replica/build-run.ts',
    from: "if (floor.split('.')[0] !== this.#incarnation) return this.#reconnect?.()",
    to: '',
    tests: ['replica/rebuild.test.ts'],
  },
  // -------------------------------------------------------------------------------------------------------- databases
  {
    promise: 'A database whose commits do not survive a power loss is refused.',
    file: 'databases/sqlite/start.ts',
    from: 'const full = 2',
    to: 'const full = 1',
    tests: ['databases/sqlite/database.test.ts'],
  },
]
