import { expect, test } from 'vitest'
import { inspectText } from './text.ts'

test.each([
  ['select $1', 1],
  ['select $2, $1', 2],
  ["select '$1', $1", 1],
  ["select 'it''s $2', $1", 1],
  ["select E'it\\'s $2', $1", 1],
  ['select "a$2" from t where b = $1', 1],
  ['select $body$ $2; $body$, $1', 1],
  ['select $$ $2 $$, $1', 1],
  ['select 1 -- $3', 0],
  ['select /* $4 /* $5 */ ; $6 */ $1', 1],
  ['select a$1 from t', 0],
])('%s takes so many values', (text, placeholders) => {
  expect(inspectText(text)).toMatchObject({ placeholders, controlsTransaction: false })
})

test.each([
  'begin',
  'start transaction',
  'COMMIT',
  'end',
  'abort',
  'rollback',
  '/* a */ commit',
  "prepare transaction 'x'",
])('%s is the kit’s to say', (text) => {
  expect(inspectText(text).controlsTransaction).toBe(true)
})

test.each([
  'savepoint a',
  'rollback to savepoint a',
  'rollback to a',
  'release a',
  'prepare a as select 1',
  'select 1',
])('%s may be said by anybody', (text) => {
  expect(inspectText(text).controlsTransaction).toBe(false)
})

test.each(['', ' ', '-- nothing', '/* nothing', 'select 1; select 2', "select ';'; select 1"])(
  'refuses what is not exactly one statement: %j',
  (text) => {
    expect(() => inspectText(text)).toThrow(expect.objectContaining({ code: 'bad-request' }))
  },
)

test('a function with a body of several statements is one', () => {
  expect(() =>
    inspectText('create function f() returns void language sql as $f$ select 1; select 2; $f$;'),
  ).not.toThrow()
})
