const check = ['compatibility/check.test.ts']
const pairs = ['compatibility/random-pairs.test.ts']
const sample = ['compatibility/sample.test.ts']
const pattern = ['compatibility/pattern/pattern.test.ts']
const counterexamples = ['compatibility/counterexamples.test.ts']
const hostile = ['compatibility/hostile.test.ts']

/**
 * What the verdicts on schemas hang on: that nothing is called compatible that a document contradicts, that each witness
 * is one, that samples are valid, and that no schema keeps a server busy for ever.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const compatibilityMutations = [
  {
    promise: 'A witness is confirmed by the validator.',
    file: 'compatibility/compare.ts',
    from: 'return this.#writer.accepts(document) && !this.#reader.accepts(document)',
    to: 'return true',
    tests: check,
  },
  {
    promise: 'A question that is open is not called compatible.',
    file: 'compatibility/compare.ts',
    from: "if (outcome.status === 'unknown') return [{ kind: 'doubt', doubt: outcome.doubt }]",
    to: "if (outcome.status === 'unknown') return []",
    tests: check,
  },
  {
    promise: 'Every keyword that is broken is named.',
    file: 'compatibility/compare.ts',
    from: '      kept.add(refusal.constraint)\n',
    to: '      break\n',
    tests: check,
  },
  {
    promise: 'Under the lenient policy a writer writes what it names.',
    file: 'compatibility/search/names.ts',
    from: 'return !named || named.every ||',
    to: 'return !named || true ||',
    tests: check,
  },
  {
    promise: 'A schema for the rest of the properties names them all.',
    file: 'compatibility/search/writer.ts',
    from: 'if (describes(constraint.rest)) every = true',
    to: '',
    tests: check,
  },
  {
    promise: 'A recursive schema is decided by its smallest documents.',
    file: 'compatibility/search/solver.ts',
    from: "return { status: 'none', under: entered.depth }",
    to: "return unknown('', 'it holds itself')",
    tests: check,
  },
  {
    promise: 'An emptiness that was assumed further out is not remembered as proved.',
    file: 'compatibility/search/solver.ts',
    from: "(outcome.status === 'none' && outcome.under === Infinity)",
    to: "outcome.status === 'none'",
    tests: check,
  },
  {
    promise: 'Schemas that are told apart are not called equal.',
    file: 'compatibility/schema/alike.ts',
    from: '} while (kinds.size !== count)',
    to: '} while (false)',
    tests: check,
  },
  {
    promise: 'Exactly one alternative means that no two are met.',
    file: 'compatibility/search/refusal.ts',
    from: 'return [{ literals: parts.map(broken) }, ...pairs.map((pair) => ({ literals: pair.map(met) }))]',
    to: 'return [{ literals: parts.map(broken) }]',
    tests: check,
  },
  {
    promise: 'A property that only has to be somewhere may have any name.',
    file: 'compatibility/search/objects.ts',
    from: 'return [...inside, ...this.#fresh.namesIn(region, this.#madeUp)]',
    to: 'return inside',
    tests: check,
  },
  {
    promise: 'Equal items are proved as well as different ones.',
    file: 'compatibility/search/refusal.ts',
    from: 'return [onList((branch) => (branch.doubled = true))]',
    to: 'return []',
    tests: check,
  },
  {
    promise: 'Items that are counted are somewhere in the list.',
    file: 'compatibility/search/lists.ts',
    from: 'counts.reduce((sum, { min }) => sum + min, 0)',
    to: '0',
    tests: pairs,
  },
  {
    promise: 'That nothing is left for one of several different items is no proof.',
    file: 'compatibility/search/lists.ts',
    from: "if (outcome.status === 'none') this.#doubtDifferent(items, position)",
    to: '',
    tests: [...pairs, 'compatibility/check.test.ts'],
  },
  {
    promise: 'A multiple of what must not divide it does not exist; another one may.',
    file: 'compatibility/search/numbers.ts',
    from: 'least % each === 0',
    to: 'each % least === 0',
    tests: check,
  },
  {
    promise: 'A sample of which it is not known whether it is valid is not given.',
    file: 'compatibility/sample.ts',
    from: 'accept: (_, sure) => sure',
    to: 'accept: () => true',
    tests: sample,
  },
  {
    promise: 'Patterns are compared as languages.',
    file: 'compatibility/pattern/automaton.ts',
    from: "if (when === 'always' || place[when]) found.add(to)",
    to: 'found.add(to)',
    tests: pattern,
  },
  {
    promise: 'A search that was given up has found neither that a pattern is there nor that it is not.',
    file: 'compatibility/pattern/match.ts',
    from: 'if (error instanceof TooMany) return undefined',
    to: 'if (error instanceof TooMany) return false',
    tests: pattern,
  },
  {
    promise: 'No text is given to the validator that would keep it busy for ever.',
    file: 'compatibility/compare.ts',
    from: 'if (!isHarmless(document, this.#patterns)) return false',
    to: '',
    tests: hostile,
  },
  {
    promise: 'A schema that applies itself to the same value is found out.',
    file: 'compatibility/schema/read.ts',
    from: 'for (const node of nodes) forbidCircles(node)',
    to: '',
    tests: ['compatibility/corpus.test.ts'],
  },
  {
    promise: 'A question costs so many steps at most.',
    file: 'compatibility/budget.ts',
    from: 'if (this.#left < 0) throw',
    to: 'if (this.#left < -1e12) throw',
    tests: ['compatibility/budget.test.ts'],
  },
  {
    promise: 'A number of which it is not known whether it is such a multiple is no proof.',
    file: 'compatibility/search/numbers.ts',
    from: 'if (fitting === false) continue',
    to: 'if (fitting !== true) continue',
    tests: counterexamples,
  },
  {
    promise: 'Items that are to be placed later tell positions apart.',
    file: 'compatibility/search/lists.ts',
    from: '${this.#keyAt(items, position)} ${eligible.join()}',
    to: '${this.#keyAt(items, position)}',
    tests: counterexamples,
  },
  {
    promise: 'What is not understood and refers to something is not the same in another document.',
    file: 'compatibility/schema/read.ts',
    from: 'refers ? `${said} at ${pointer} in ${this.#number}` : said',
    to: 'said',
    tests: counterexamples,
  },
  {
    promise: 'What is not understood is not the same with another value.',
    file: 'compatibility/schema/shape.ts',
    from: 'said: assertion.said',
    to: 'said: assertion.reason',
    tests: counterexamples,
  },
  {
    promise: 'The type of a schema that is nullable is not taken for what it says.',
    file: 'compatibility/schema/keywords.ts',
    from: "nullable: ['type']",
    to: 'nullable: []',
    tests: counterexamples,
  },
  {
    promise: 'A format that JSON Schema does not name may be one of numbers.',
    file: 'compatibility/search/refusal.ts',
    from: 'isStandardFormat(format) ? [text]',
    to: 'true ? [text]',
    tests: counterexamples,
  },
  {
    promise: 'Each repetition of a pattern forgets its groups.',
    file: 'compatibility/pattern/match.ts',
    from: 'this.#groups = withoutGroupsOf(part, before)',
    to: '',
    tests: counterexamples,
  },
  {
    promise: 'The place of a keyword is named where one object stands in several.',
    file: 'compatibility/schema/read.ts',
    from: 'JSON.parse(JSON.stringify(document))',
    to: 'document',
    tests: check,
  },
  {
    promise: 'Messages call schemas by their names.',
    file: 'compatibility/check.ts',
    from: 'names?.before[against] ??',
    to: '',
    tests: check,
  },
  {
    promise: 'Looking for patterns costs steps.',
    file: 'compatibility/pattern/match.ts',
    from: 'budget?.spend(search.steps / 50)',
    to: '',
    tests: pattern,
  },
  {
    promise: 'Data of the bench is what the contract accepts.',
    file: 'testing/sample-data.ts',
    from: 'if (!issues) return sample.value',
    to: 'return sample.value',
    tests: ['testing/test-bench-samples.test.ts'],
  },
  {
    promise: 'Data of the bench has a key.',
    file: 'testing/sample-data.ts',
    from: '{ [key]: { minLength: 1, maxLength: 100 } }',
    to: '{}',
    tests: ['testing/test-bench-samples.test.ts'],
  },
  {
    promise:
      'A costly comparison leaves the others of a question, as a compatibility check in both directions, their steps.',
    file: 'compatibility/check.ts',
    from: 'budget: steps.share(left, mostStepsOfOne)',
    to: 'budget: steps',
    tests: hostile,
  },
  {
    promise: 'All comparisons of a compatibility check together take no more than its steps.',
    file: 'compatibility/budget.ts',
    from: 'this.#whole?.spend(Math.min(steps, Math.max(0, this.#left)))',
    to: '',
    tests: ['compatibility/budget.test.ts'],
  },
]
