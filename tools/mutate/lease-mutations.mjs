const machine = ['delivery/machine.test.ts']
const failure = ['delivery/failure.test.ts']
const recovery = ['delivery/recovery.test.ts']
const times = ['broker/times.test.ts']
const broker = ['broker/local-broker.test.ts']

/**
 * Who has what for how long.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const leaseMutations = [
  // ------------------------------------------------------------------------------------------------------------- leases
  {
    promise: 'A run has an end, so that a hot key does not starve others.',
    file: 'delivery/key-queue.ts',
    from: 'this.leased === 0 || this.leased >= longestRun || this.interrupted',
    to: 'this.leased === 0 || this.interrupted',
    tests: machine,
    name: 'ends a run after 64',
  },
  {
    promise: 'Renewing a delivery renews its run.',
    file: 'delivery/machine.ts',
    from: 'for (const other of entry.queue.entries) {',
    to: 'for (const other of [entry]) {',
    tests: failure,
    name: 'keeps a lease and those of its run',
  },
  {
    promise: 'Renewing a delivery renews those of no other key.',
    file: 'delivery/machine.ts',
    from: 'for (const other of entry.queue.entries) {',
    to: 'for (const other of this.state.entries.values()) {',
    tests: failure,
    name: 'keeps a lease and those of its run',
  },
  {
    promise: 'What a consumer had that crashed comes back when its lease ends.',
    file: 'delivery/machine.ts',
    from: '      this.state.due.earliest,\n',
    to: '',
    tests: times,
    name: 'a consumer that crashed',
  },
  {
    promise: 'A shard looks when something is due, not now and then.',
    file: 'broker/shard-runner.ts',
    from: 'Math.min(this.machine.nextDueAt(now) - now.monotonic, lookAgainMs)',
    to: 'lookAgainMs',
    tests: times,
  },
  {
    promise: 'The lease of a pull is good after a crash of the broker.',
    file: 'delivery/ledger-form.ts',
    from: "entry.state === 'leased' && !entry.lease?.pull ? 'ready' : entry.state",
    to: "entry.state === 'leased' ? 'ready' : entry.state",
    tests: broker,
    name: 'over the memory engine after a crash of the broker a pull lease',
  },
  {
    promise: 'The lease of a pull ends, also after a crash of the broker.',
    file: 'delivery/recovery.ts',
    from: 'state.due.add(entry.due.monotonic, entry)',
    to: '',
    tests: recovery,
  },
  {
    promise: 'Keys that look alike are different keys.',
    file: 'delivery/shard-state.ts',
    from: 'if (key === undefined) return new KeyQueue(undefined)',
    to: 'if (key === undefined) return new KeyQueue(undefined)\n    key = key.normalize()',
    tests: broker,
    name: 'over the memory engine keys with dots',
  },
  // ------------------------------------------------------------------------------------------------------------ streams
  {
    promise: 'What a stream had that broke comes back when its grace is over.',
    file: 'delivery/machine.ts',
    from: '      this.holders.nextDueAt(),\n',
    to: '',
    tests: times,
    name: 'a stream that broke',
  },
  {
    promise: 'A stream that broke has a grace to come back in.',
    file: 'delivery/holders.ts',
    from: 'export const graceMs = 2_000',
    to: 'export const graceMs = 0',
    tests: failure,
    name: 'a stream that broke wait',
  },
  {
    promise: 'What a stream had that broke goes to others.',
    file: 'broker/subscription-runner.ts',
    from: 'for (const shard of this.shards) shard.machine.holders.abandon(stream.holder, shard.now())',
    to: '',
    tests: times,
    name: 'a stream that broke',
  },
  {
    promise: 'A stream that is closed in good order returns what it holds at once.',
    file: 'broker/subscription-runner.ts',
    from: 'if (!this.#streams.end(stream)) return\n        this.#detach(stream)',
    to: 'if (!this.#streams.end(stream)) return\n        for (const shard of this.shards) shard.machine.holders.abandon(stream.holder, shard.now())',
    tests: broker,
    name: 'over the memory engine a closed stream returns',
  },
  {
    promise: 'A stream that is closed in good order makes nothing that it held suspect.',
    file: 'delivery/holders.ts',
    from: 'if (first) this.#transitions.giveBack(first)',
    to: 'if (first) this.#transitions.suspect(first, { monotonic: 0, wall: 0 })',
    tests: machine,
    name: 'ends in good order',
  },
  // ------------------------------------------------------------------------------------------------------- what is told
  {
    promise: 'Every answer to a pull tells how far everything is settled.',
    file: 'broker/subscription-runner.ts',
    from: 'return { ...this.progress(), deliveries }',
    to: 'return { ...this.progress(), floor: this.position(0), deliveries }',
    tests: broker,
    name: 'over the memory engine every answer to a pull',
  },
  {
    promise: 'Every answer to a pull tells its generation.',
    file: 'broker/subscription-runner.ts',
    from: 'return { ...this.progress(), deliveries }',
    to: 'return { ...this.progress(), generation: 1, deliveries }',
    tests: broker,
    name: 'over the memory engine every answer to a pull',
  },
  {
    promise: 'A delivery says whether it is a replay.',
    file: 'broker/hand-out.ts',
    from: '      ...(replay ? { replay } : {}),\n',
    to: '',
    tests: broker,
    name: 'over the memory engine seek\\(\\) to the beginning',
  },
  {
    promise: 'A delivery tells its generation.',
    file: 'broker/hand-out.ts',
    from: 'generation: token.generation,',
    to: 'generation: 1,',
    tests: broker,
    name: 'over the memory engine seek\\(\\) to the beginning',
  },
  {
    promise: 'A delivery tells which attempt it is.',
    file: 'broker/hand-out.ts',
    from: 'attempt: entry.attempts + (entry.counted ? 0 : 1),',
    to: 'attempt: 1,',
    tests: broker,
    name: 'over the memory engine a retry inside',
  },
  {
    promise: 'A delivery tells its position.',
    file: 'broker/hand-out.ts',
    from: 'position: view.position(entry.offset),',
    to: 'position: view.position(0),',
    tests: broker,
    name: 'over the memory engine wait holds',
  },
  // ----------------------------------------------------------------------------------------- consumers that stand still
  {
    promise: 'A consumer that stood still for longer than its lease acknowledges nothing.',
    file: 'delivery/machine.ts',
    from: 'entry?.lease?.id === token.id',
    to: 'entry?.lease !== undefined',
    tests: ['../../server/src/stopped.test.ts'],
    name: 'a consumer that stood still',
  },
]
