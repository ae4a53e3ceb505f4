const judge = ['sabotage/judge.test.ts']

/**
 * What hangs on the proof of the main example.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const exampleMutations = [
  {
    promise: 'The sabotage of the example does not hold when a cause is called something else.',
    file: 'sabotage/judge.ts',
    from: 'return found === done && names.every((name) => name === kinds[kind].cause)',
    to: 'return found === done',
    tests: judge,
  },
  {
    promise: 'The sabotage of the example does not hold when something was missed.',
    file: 'sabotage/judge.ts',
    from: 'return found === done && names',
    to: 'return names',
    tests: judge,
  },
  {
    promise: 'The sabotage of the example does not hold when something is different that nobody broke.',
    file: 'sabotage/judge.ts',
    from: 'holds: others.length === 0 && judged.every(isRight)',
    to: 'holds: judged.every(isRight)',
    tests: judge,
  },
  {
    promise: 'The proof of the example does not hold for a copy that differs from its owner.',
    file: 'proof/copies.ts',
    from: 'holds: differences.length + changing === 0,',
    to: 'holds: changing === 0,',
    tests: ['proof/copies.test.ts'],
  },
]
