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
]
