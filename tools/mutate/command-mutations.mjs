/**
 * What the command can do.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const commandMutations = [
  {
    promise: 'What others wrote into a schema does not become code of a fetched contract.',
    file: 'contract/typescript.ts',
    from: "if (name === 'tsType' && typeof member === 'string') return []",
    to: '',
    tests: ['contract/typescript.test.ts'],
    name: 'lets nothing into the module',
  },
  {
    promise: 'The build of an owner fails where its contract would break readers.',
    file: 'commands/contract-check.ts',
    from: "plan.verdict === 'unchanged' || plan.verdict === 'compatible' ? exitCodes.ok : exitCodes.checkFailed",
    to: 'exitCodes.ok',
    tests: ['commands/contract.test.ts'],
    name: 'may not be registered',
  },
  {
    promise: 'The build of a consumer fails where what it fetched cannot read what is published.',
    file: 'contract/check-lock.ts',
    from: "mode: 'forward'",
    to: "mode: 'none'",
    tests: ['commands/contract.test.ts'],
    programs: true,
    name: 'what was fetched cannot read',
  },
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
