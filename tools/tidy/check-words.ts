import { at, isCode, parse, walk, type Problem, type RepositoryFile, type SyntaxNode } from './source.ts'

interface BannedWord {
  readonly pattern: RegExp
  readonly instead: string
  /** Where the word is banned; everywhere when absent. */
  readonly within?: RegExp
  /** Where a technology keeps its own word. */
  readonly except?: RegExp
}

/** Folders are named after a responsibility. */
const bannedFolders = /^(utils?|helpers?|misc|common|shared|lib|types|interfaces|internal)$/

/** Names that hide what a thing is; the full word costs nothing. */
const abbreviations: Readonly<Record<string, string>> = {
  acc: 'what is accumulated',
  arr: 'what it holds',
  cb: 'what it is called for',
  cfg: 'configuration',
  conf: 'configuration',
  conn: 'connection',
  ctx: 'context',
  db: 'database',
  dest: 'destination',
  e: 'error, event or what it is',
  err: 'error',
  evt: 'event',
  idx: 'index',
  impl: 'what is special about it',
  mgr: 'what it does',
  msg: 'message or event',
  num: 'count',
  obj: 'what it is',
  opts: 'options',
  pos: 'position',
  prev: 'previous',
  req: 'request',
  res: 'response or result',
  sub: 'subscription',
  svc: 'service',
  tmp: 'what it holds',
  ts: 'time',
  val: 'value',
}

const prose = /\.(md|ts|tsx|mjs|py)$/
const beyondDelivery = /^packages\/(tidings\/src\/(client|consumer|inbox|outbox|protocol|replica|service)|server|cli)\//

const bannedWords: readonly BannedWord[] = [
  { pattern: /\bnack(ed|s|ing)?\b/i, instead: 'retry or dead-letter' },
  { pattern: /\bDLQ\b|\bdead[- ]?letter[- ]queue/i, instead: 'dead letters' },
  { pattern: /\bconsumer[- ]?groups?\b/i, instead: 'subscription' },
  { pattern: /\bvisibility[- ]?timeouts?\b|\back[- ]?deadlines?\b/i, instead: 'lease' },
  { pattern: /\bmessageIds?\b|\b(publish|consume)Messages?\b|\bMessageHandler\b/, instead: 'event' },
  {
    pattern: /\b(queueName|topicName|subscriptionName)\b/,
    instead: 'queue and topic names are plain: topic, subscription',
  },
  { pattern: /\boffsets?\b/i, instead: 'position', within: beyondDelivery },
  { pattern: /\b(white|black)list/i, instead: 'allow-list, deny-list' },
  { pattern: /\b(simply|obviously|of course)\b/i, instead: 'nothing: leave it out', within: /\.md$/ },
  { pattern: /\b(previously|issue #?\d+)\b/i, instead: 'nothing: history stands in git', within: prose },
  { pattern: /\b(TODO|FIXME|XXX)\b/, instead: 'do it, or write down in the documents what is missing' },
]

/** The rules name what they forbid, so they are not read themselves. */
const exempt = /^tools\/tidy\//

export function checkWords(files: readonly RepositoryFile[]): readonly Problem[] {
  return files
    .filter((file) => !exempt.test(file.path))
    .flatMap((file) => [...checkPath(file), ...checkText(file), ...checkNames(file)])
}

function checkPath(file: RepositoryFile): readonly Problem[] {
  const folder = file.path
    .split('/')
    .slice(0, -1)
    .find((name) => bannedFolders.test(name))
  return folder === undefined ? [] : [`${file.path} is in a folder "${folder}": name the responsibility instead`]
}

function checkText(file: RepositoryFile): readonly Problem[] {
  if (!prose.test(file.path)) return []
  return bannedWords
    .filter((word) => (word.within?.test(file.path) ?? true) && !word.except?.test(file.path))
    .flatMap((word) =>
      [...file.text.matchAll(new RegExp(word.pattern, `g${word.pattern.flags}`))].map(
        (match) => `${at(file, match.index)} says "${match[0]}": use ${word.instead}`,
      ),
    )
}

function checkNames(file: RepositoryFile): readonly Problem[] {
  if (!isCode(file)) return []
  const problems: Problem[] = []
  walk(parse(file).program, (node, around) => {
    if (node.type !== 'Identifier' || !declares(node, around.at(-1))) return
    const name = node['name']
    const instead = typeof name === 'string' && Object.hasOwn(abbreviations, name) ? abbreviations[name] : undefined
    if (instead !== undefined)
      problems.push(`${at(file, node.start)} names something "${String(name)}": write ${instead}`)
  })
  return problems
}

/** Whether the node gives a name, rather than use somebody else's. */
function declares(node: SyntaxNode, parent: SyntaxNode | undefined): boolean {
  if (!parent) return false
  if (/Function/.test(parent.type)) return Array.isArray(parent['params']) && parent['params'].includes(node)
  return (
    (parent.type === 'VariableDeclarator' && parent['id'] === node) ||
    (parent.type === 'CatchClause' && parent['param'] === node)
  )
}
