import { TidingsError } from '../../errors.ts'

/**
 * What must be known of a statement before it runs, because the clients do not refuse it: `libsql` binds NULL for a
 * missing value and drops a second statement without a word.
 */
export interface StatementText {
  /** How many values it takes. */
  readonly placeholders: number
  /** Begins or ends a transaction, which is the kit's to do. */
  readonly controlsTransaction: boolean
}

const token =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|\/\*[^]*?(?:\*\/|$)|\?\d*|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|[:@$]\w+|\S/g

/** Reads a statement and refuses as `bad-request` what is not exactly one, or uses named placeholders. */
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
    if (ended && !isTrigger(words)) throw refusal(text, 'holds more than one statement; run them one by one')
    if (words.length < 3) words.push(found.toLowerCase())
    if (/^[:@$]\w/.test(found)) throw refusal(text, `has the named placeholder ${found}; use ? and an array of values`)
    if (found.startsWith('?'))
      placeholders = found === '?' ? placeholders + 1 : Math.max(placeholders, Number(found.slice(1)))
  }
  if (words.length === 0) throw refusal(text, 'is empty')
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

function refusal(text: string, reason: string): TidingsError {
  return new TidingsError('bad-request', `The statement ${reason}: ${excerpt(text)}`)
}

export function excerpt(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ')
  return line.length > 100 ? `${line.slice(0, 100)}…` : line
}
