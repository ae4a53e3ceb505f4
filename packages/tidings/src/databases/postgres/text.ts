import { refusedStatement, type StatementText } from '../../database/statements.ts'

/** Strings, quoted names, dollar-quoted bodies, comments, placeholders, words (PostgreSQL manual, 4.1 "Lexical Structure"). */
const token =
  /[eE]'(?:[^'\\]|\\[^]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[^]*?\$\1\$|--[^\n]*|\/\*|\$\d+|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\S/g

/** Where a placeholder stands in a statement. */
interface Place {
  readonly start: number
  readonly end: number
  /** Of the value, from 1 on. */
  readonly number: number
}

interface InspectedText extends StatementText {
  readonly places: readonly Place[]
}

const remembered = new Map<string, InspectedText>()
const remember = 1_000

/** Reads a statement and refuses as `bad-request` what is not exactly one. The same few are run again and again. */
export function inspectText(text: string): InspectedText {
  const known = remembered.get(text)
  if (known) return known
  const read = readText(text)
  if (remembered.size >= remember) remembered.clear()
  remembered.set(text, read)
  return read
}

function readText(text: string): InspectedText {
  const words: string[] = []
  const places: Place[] = []
  let ended = false
  let end = 0
  for (const match of text.matchAll(token)) {
    const [found] = match
    if (match.index < end || found.startsWith('--')) continue
    if (found === '/*') {
      end = endOfComment(text, match.index)
      continue
    }
    if (found === ';') {
      ended = true
      continue
    }
    if (ended) throw refusedStatement(text, 'holds more than one statement; run them one by one')
    if (words.length < 3) words.push(found.toLowerCase())
    if (/^\$\d/.test(found)) {
      places.push({ start: match.index, end: match.index + found.length, number: Number(found.slice(1)) })
    }
  }
  if (words.length === 0) throw refusedStatement(text, 'is empty')
  const placeholders = Math.max(0, ...places.map(({ number }) => number))
  return { placeholders, places, controlsTransaction: controlsTransaction(words) }
}

/** Comments of this form hold others. */
function endOfComment(text: string, start: number): number {
  let depth = 0
  for (const match of text.slice(start).matchAll(/\/\*|\*\//g)) {
    depth += match[0] === '/*' ? 1 : -1
    if (depth === 0) return start + match.index + 2
  }
  return text.length
}

function controlsTransaction([first = '', second, third]: readonly string[]): boolean {
  if (first === 'rollback') return second !== 'to' && third !== 'to'
  if (first === 'prepare' || first === 'start') return second === 'transaction'
  return ['begin', 'commit', 'end', 'abort'].includes(first)
}
