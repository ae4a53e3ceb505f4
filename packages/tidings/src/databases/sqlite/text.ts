import { refusedStatement, type StatementText } from '../../database/statements.ts'

const token =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|\/\*[^]*?(?:\*\/|$)|\?\d*|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|[:@$]\w+|\S/g

/**
 * Reads a statement and refuses as `bad-request` what is not exactly one, or uses named placeholders. The clients do not:
 * `libsql` binds NULL for a missing value and drops a second statement without a word.
 */
export function inspectText(text: string): StatementText {
  const words: string[] = []
  let placeholders = 0
  let ended = false
  for (const [found] of text.matchAll(token)) {
    if (found.startsWith('--') || found.startsWith('/*')) continue
    if (found === ';') {
      ended = true
      continue
    }
    if (ended && !isTrigger(words)) throw refusedStatement(text, 'holds more than one statement; run them one by one')
    if (words.length < 3) words.push(found.toLowerCase())
    if (/^[:@$]\w/.test(found))
      throw refusedStatement(text, `has the named placeholder ${found}; use ? and an array of values`)
    if (found.startsWith('?'))
      placeholders = found === '?' ? placeholders + 1 : Math.max(placeholders, Number(found.slice(1)))
  }
  if (words.length === 0) throw refusedStatement(text, 'is empty')
  return { placeholders, controlsTransaction: controlsTransaction(words) }
}

/** Triggers alone hold statements of their own. */
function isTrigger([first, second, third]: readonly string[]): boolean {
  return first === 'create' && (second === 'trigger' || third === 'trigger')
}

function controlsTransaction([first, second, third]: readonly string[]): boolean {
  if (first === 'rollback') return second !== 'to' && third !== 'to'
  return first === 'begin' || first === 'commit' || first === 'end'
}
