const suite = ['broker/local-broker.test.ts']
const expiry = ['broker/expiry.test.ts']
const broadcast = ['consumer/broadcast.test.ts']
const engines = ['engines/memory/memory.test.ts']

/** What topics remove, and which subscriptions go. */
export const retentionMutations = [
  {
    promise: 'A bound of bytes counts what is newer, to the byte, in memory.',
    file: 'engines/memory/topic.ts',
    from: 'bytesThrough > this.#bytes - bytes',
    to: 'bytesThrough >= this.#bytes - bytes',
    tests: engines,
  },
  {
    promise: 'A bound of bytes counts what is newer, to the byte, on the disk.',
    file: 'engines/embedded/block.ts',
    from: 'if (behind >= bytes)',
    to: 'if (behind > bytes)',
    tests: ['engines/embedded/embedded.test.ts'],
  },
  {
    promise: 'The bytes of a topic are known after everything was trimmed and the store reopened.',
    file: 'engines/embedded/topic.ts',
    from: 'Math.max(record.bytes ?? 0, this.reader.lastBytes())',
    to: 'this.reader.lastBytes()',
    tests: ['engines/embedded/embedded.test.ts'],
  },
  {
    promise: 'Retention by bytes removes.',
    file: 'broker/retention.ts',
    from: 'const bound = Math.max(byCount, bySize)',
    to: 'const bound = byCount',
    tests: suite,
  },
  {
    promise: 'Overtaking counts what a subscription wanted and nothing else as skipped.',
    file: 'delivery/overtake.ts',
    from: "isFiltered ? 'filtered' : 'skipped'",
    to: "'skipped'",
    tests: suite,
  },
  {
    promise: 'Overtaking leaves what a consumer has to that consumer.',
    file: 'delivery/overtake.ts',
    from: "entry.state !== 'leased' && ",
    to: '',
    tests: suite,
  },
  {
    promise: 'Nothing in the ledger waits for an event that was overtaken: dead letters.',
    file: 'delivery/overtake.ts',
    from: '[parkedRange, deadRange, dueRange]',
    to: '[parkedRange, dueRange]',
    tests: suite,
  },
  {
    promise: 'Nothing in the ledger waits for an event that was overtaken: scheduled events.',
    file: 'delivery/overtake.ts',
    from: '[parkedRange, deadRange, dueRange]',
    to: '[parkedRange, deadRange]',
    tests: suite,
  },
  {
    promise: 'Overtaking is told with the name of who loses.',
    file: 'broker/overtakes.ts',
    from: 'this.#losses.set(topic, [...others,',
    to: 'void ([...others,',
    tests: suite,
  },
  {
    promise: 'A loss is named for a minute after it, and while it goes on.',
    file: 'broker/overtakes.ts',
    from: 'parts.everyMs + shownAtLeastMs',
    to: 'parts.everyMs',
    tests: ['broker/retention.test.ts'],
  },
  {
    promise: 'explain says that an event is beyond retention.',
    file: 'broker/standing.ts',
    from: 'offset >= 1 && ',
    to: 'offset < 1 && ',
    tests: suite,
  },
  {
    promise: 'Tasks, answers and entities are never overtaken.',
    file: 'broker/topic-form.ts',
    from: "(kind === 'event' && !replies)",
    to: 'kind',
    tests: suite,
  },
  {
    promise: 'The time without a consumer outlives restarts.',
    file: 'broker/expiry.ts',
    from: 'this.#idle ??= await this.#load()',
    to: 'this.#idle ??= new Map()',
    tests: expiry,
  },
  {
    promise: 'A process that stood still does not take that for an absence of consumers.',
    file: 'broker/expiry.ts',
    from: 'Math.min(most, now - (this.#lookedAt ?? now))',
    to: 'now - (this.#lookedAt ?? now)',
    tests: expiry,
  },
  {
    promise: 'Who consumes keeps the subscription.',
    file: 'broker/entrance.ts',
    from: "if (action === 'consume') runner.used = true",
    to: '',
    tests: expiry,
  },
  {
    promise: 'Who waits at a stream keeps the subscription.',
    file: 'broker/expiry.ts',
    from: '(runner.used || runner.consumers > 0)',
    to: 'runner.used',
    tests: expiry,
  },
  {
    promise: 'Another subscription of the name of one that was removed has its time before it.',
    file: 'broker/namespace.ts',
    from: 'await this.#expiry.forget(name)',
    to: '',
    tests: expiry,
  },
  {
    promise: 'An instance of a broadcast that crashed holds no disk for ever.',
    file: 'consumer/broadcast.ts',
    from: "{ onDeadLetter: 'continue', expiresAfterMs } as const",
    to: "{ onDeadLetter: 'continue' } as const",
    tests: broadcast,
  },
]
