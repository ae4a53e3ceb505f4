import { expect, test } from 'vitest'
import { blocksOf, matchesExpected } from './blocks.ts'

const document = `# A guide
\`\`\`ts crm/contract.ts
export const a = 1
\`\`\`
<!--
\`\`\`sh run
echo hidden
\`\`\`
-->
\`\`\`ts main.ts run
console.log('hello')
\`\`\`
\`\`\`text
hello
\`\`\`
\`\`\`json
{}
\`\`\`
`

test('blocksOf() reads what is done with each block from its fence, hidden blocks included', () => {
  expect(
    blocksOf(document).map(({ language, file, run, line, expected }) => [language, file, run, line, expected]),
  ).toEqual([
    ['ts', 'crm/contract.ts', false, 2, undefined],
    ['sh', undefined, true, 6, undefined],
    ['ts', 'main.ts', true, 10, 'hello\n'],
    ['text', undefined, false, 13, undefined],
    ['json', undefined, false, 16, undefined],
  ])
})

test.each([
  ['hello', 'hello\n', true],
  ['hello', 'hello there\n', false],
  ['hello …', 'hello there\n', true],
  ['took … ms (p50)', 'took 12 ms (p50)', true],
  ['took … ms (p50)', 'took 12 ms (p99)', false],
  ['first\n…\nlast', 'first\nsecond\nthird\nlast\n', true],
  ['first\n…\nlast', 'first\nlast\n', true],
  ['first\n…\nlast', 'first\nsecond\n', false],
])('matchesExpected(%j, %j) is %s', (expected, actual, answer) => {
  expect(matchesExpected(expected, actual)).toBe(answer)
})
