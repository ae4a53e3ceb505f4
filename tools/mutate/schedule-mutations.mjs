const times = ['broker/times.test.ts']
const schedule = ['delivery/schedule.test.ts']
const broker = ['broker/local-broker.test.ts']
const schedules = ['broker/schedules.test.ts']

/**
 * What recurs is published once for each due time, by however many servers.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const scheduleMutations = [
  {
    promise: 'A due time is published once, by however many servers and however late.',
    file: 'broker/schedules.ts',
    from: 'due.map((at) => ({ event: eventOf(stored, at), producer: { ...stamp, counter: at } }))',
    to: 'due.map((at) => ({ event: eventOf(stored, at) }))',
    tests: schedules,
  },
  {
    promise: 'A recurring event has the identity of its schedule and its due time.',
    file: 'broker/schedule-form.ts',
    from: 'id: time, source: schedule, time',
    to: 'id: String(Math.random()), source: schedule, time',
    tests: broker,
    name: 'over the memory engine a schedule publishes',
  },
  {
    promise: 'Nothing recurring is published early.',
    file: 'broker/schedules.ts',
    from: 'const until = environment.clock.now()',
    to: 'const until = environment.clock.now() + 60_000',
    tests: [...schedules, ...broker],
    name: 'schedules|over the memory engine a schedule publishes',
  },
  {
    promise: 'Of what was missed the newest is published, unless all of it is wanted.',
    file: 'broker/schedules.ts',
    from: "limit: catchUp === 'all' ? mostMissed : 1",
    to: 'limit: mostMissed',
    tests: schedules,
  },
  {
    promise: 'What was due before another rhythm is not due in it.',
    file: 'broker/schedules.ts',
    from: 'return left.topic === right.topic && left.expression === right.expression && left.timeZone === right.timeZone',
    to: 'return true',
    tests: schedules,
  },
  {
    promise: 'Schedules follow the wall clock when it is set.',
    file: 'broker/schedules.ts',
    from: 'Math.min(lookAgainMs, Math.max(0, soonest - environment.clock.now()))',
    to: 'Math.max(0, soonest - environment.clock.now())',
    tests: schedules,
  },
  {
    promise: 'A schedule is read in its time zone.',
    file: '../../server/src/next-due.ts',
    from: 'timezone: timeZone, paused: true',
    to: 'paused: true',
    tests: ['../../server/src/next-due.test.ts'],
  },
  {
    promise: 'A schedule that is removed publishes nothing more.',
    file: 'broker/schedules.ts',
    from: 'if (present) return null',
    to: 'if (present) return present',
    tests: broker,
    name: 'over the memory engine removeSchedule',
  },
  {
    promise: 'Schedules go with their topic.',
    file: 'broker/schedules.ts',
    from: "if (each.topic === topic) await catalog.change('schedule', each.schedule, () => null)",
    to: '',
    tests: broker,
    name: 'over the memory engine removing a topic',
  },
  // ------------------------------------------------------------------------------------------------------ single events
  {
    promise: 'A subscription with a delay gets every event so much later.',
    file: 'delivery/intake.ts',
    from: 'delayMs > 0 ? appendedAt + delayMs : 0',
    to: '0',
    tests: times,
    name: 'with a delay',
  },
  {
    promise: 'What is due is handed out within a second, however far ahead it was.',
    file: 'delivery/machine.ts',
    from: '      this.schedule.nextDueAt(now),\n',
    to: '',
    tests: times,
    name: 'years ahead',
  },
  {
    promise: 'What is due in years is read from the ledger when its hour comes.',
    file: 'delivery/schedule.ts',
    from: 'if (this.#loadedTo >= scheduledKey(now.wall + aheadMs / 2, 0)) return undefined',
    to: 'if (this.#loadedTo > scheduledRange.from) return undefined',
    tests: times,
    name: 'years ahead',
  },
  {
    promise: 'What was cancelled does not come.',
    file: 'delivery/schedule.ts',
    from: 'if (known) known.cancelled = true',
    to: '',
    tests: schedule,
    name: 'that was cancelled',
  },
  {
    promise: 'What was cancelled is cancelled once.',
    file: 'delivery/schedule.ts',
    from: '    this.#state.unsaved.write(dueKey(offset), null)\n',
    to: '',
    tests: broker,
    name: 'over the memory engine scheduled\\(\\) lists',
  },
  {
    promise: 'What waits for its time is listed over all shards, the first due first.',
    file: 'broker/aside.ts',
    from: '    .sort((left, right) => (left.entry.key < right.entry.key ? -1 : 1))\n',
    to: '',
    tests: broker,
    name: 'over the memory engine with 4 shards scheduled\\(\\) lists',
  },
  {
    promise: 'Very many events that wait for their time take no memory.',
    file: 'delivery/schedule.ts',
    from: 'if (this.#byOffset.size > 2 * pageSize) this.#forgetLatest()',
    to: '',
    tests: schedule,
    name: 'beyond what memory may hold is in the ledger',
  },
  // ------------------------------------------------------------------------------------------------ clocks that are set
  {
    promise: 'What waits for its time comes when the clock is set ahead.',
    file: 'broker/shard-runner.ts',
    from: 'Math.min(this.machine.nextDueAt(now) - now.monotonic, lookAgainMs)',
    to: 'this.machine.nextDueAt(now) - now.monotonic',
    tests: ['broker/set-clock.test.ts'],
  },
  {
    promise: 'A lease neither ends nor lasts because somebody sets the clock.',
    file: 'broker/gate.ts',
    from: '{ monotonic: clock.monotonic(), wall: clock.now() }',
    to: '{ monotonic: clock.now(), wall: clock.now() }',
    tests: ['broker/set-clock.test.ts'],
  },
  {
    promise: 'A server whose clock is set hands out nothing early.',
    file: 'delivery/intake.ts',
    from: 'if (due > now.wall) return this.#schedule.add(offset, event.key, due)',
    to: '',
    tests: ['../../server/src/set-clock.test.ts'],
    programs: true,
  },
]
