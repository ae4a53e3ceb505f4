/**
 * What the command can do.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const commandMutations = [
  {
    promise: 'Every action of the HTTP API is a command.',
    file: 'program.ts',
    from: '  addScheduled(program)\n',
    to: '',
    tests: ['guide.test.ts'],
    name: 'every command that asks',
  },
  {
    promise: 'Every command speaks JSON.',
    file: 'program.ts',
    from: '  addScheduled(program)\n',
    to: '',
    tests: ['json.test.ts'],
    name: 'is spoken by every command',
  },
  {
    promise: 'JSON is one document a line.',
    file: 'json.ts',
    from: ".replaceAll(/[\\r\\n]+/g, ' ')",
    to: ".replaceAll(/[\\r\\n]+/g, '\\n ')",
    tests: ['json.test.ts'],
  },
]
