import {
  at,
  isCode,
  isNode,
  isTest,
  parse,
  walk,
  type Problem,
  type RepositoryFile,
  type SyntaxNode,
} from './source.ts'

const library = 'packages/tidings/src/'

/** What differs from run to run comes through `environment/`, which a test can drive. */
const ambient: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  { pattern: /\bDate\.now\(|\bnew Date\(\)/g, instead: 'environment.clock.now()' },
  { pattern: /\bperformance\.now\(/g, instead: 'environment.clock.monotonic()' },
  { pattern: /\bMath\.random\(/g, instead: 'environment.random.next()' },
  { pattern: /\b(setTimeout|setInterval)\(/g, instead: 'environment.timers.after()' },
  { pattern: /\brandomUUID\(/g, instead: 'environment.ids.next()' },
]

/** The real environment, and suites that wait for real stores. */
const mayBeAmbient = /\/(environment|conformance)\//

/** Folders of the people who work here; a project that names them works on one machine only. */
const machinePath = /(?<![\w./-])\/(?:home|Users|root|work|mnt)\/[\w.-]+/g

/** What should not stay: casts that silence the compiler, tests that do not run, ambient time, paths of one machine. */
export function checkLeftovers(files: readonly RepositoryFile[]): readonly Problem[] {
  return files.flatMap((file) => [
    ...checkMachinePaths(file),
    ...(isCode(file) ? [...checkSyntax(file), ...checkComments(file), ...checkAmbient(file)] : []),
  ])
}

function checkSyntax(file: RepositoryFile): readonly Problem[] {
  const problems: Problem[] = []
  walk(parse(file).program, (node) => {
    const problem = castToAny(node) ?? testThatDoesNotRun(file, node) ?? exportOfEverything(node)
    if (problem !== undefined) problems.push(`${at(file, node.start)} ${problem}`)
  })
  return problems
}

function castToAny(node: SyntaxNode): string | undefined {
  const cast =
    node.type === 'TSAsExpression' && isNode(node['typeAnnotation']) && node['typeAnnotation'].type === 'TSAnyKeyword'
  return cast ? 'casts to any: say the type, or decode and check' : undefined
}

function testThatDoesNotRun(file: RepositoryFile, node: SyntaxNode): string | undefined {
  if (!isTest(file.path) || node.type !== 'MemberExpression') return undefined
  const { object, property } = node
  if (!isNode(object) || !isNode(property) || typeof property['name'] !== 'string') return undefined
  if (
    !/^(test|it|describe)$/.test(String(object['name'])) ||
    !/^(only|skip|todo|skipIf|runIf|fails)$/.test(property['name'])
  )
    return undefined
  return `uses ${String(object['name'])}.${property['name']}: run it, or call notRun() of @tidings/tools with the reason`
}

function exportOfEverything(node: SyntaxNode): string | undefined {
  return node.type === 'ExportAllDeclaration' ? 'exports everything: name what this door offers' : undefined
}

function checkComments(file: RepositoryFile): readonly Problem[] {
  return parse(file)
    .comments.filter((comment) => silencers(file.path).test(comment.value))
    .map((comment) => `${at(file, comment.start)} silences the compiler: mend the type`)
}

/** A test may show that a call does not compile; the compiler then insists that it does not. */
function silencers(path: string): RegExp {
  return isTest(path) ? /@ts-(ignore|nocheck)/ : /@ts-(ignore|nocheck|expect-error)/
}

function checkAmbient(file: RepositoryFile): readonly Problem[] {
  if (!file.path.startsWith(library) || mayBeAmbient.test(file.path) || isTest(file.path)) return []
  const code = withoutComments(file)
  return ambient.flatMap(({ pattern, instead }) =>
    [...code.matchAll(pattern)].map((match) => `${at(file, match.index)} calls ${match[0]}…: use ${instead}`),
  )
}

function checkMachinePaths(file: RepositoryFile): readonly Problem[] {
  return [...file.text.matchAll(machinePath)].map(
    (match) => `${at(file, match.index)} names a path of one machine: ${match[0]}`,
  )
}

/** The text with comments blanked out, so that places stay the same. */
function withoutComments(file: RepositoryFile): string {
  return parse(file).comments.reduce((text, comment) => {
    const end = comment.start + comment.value.length + 2
    return text.slice(0, comment.start) + ' '.repeat(end - comment.start) + text.slice(end)
  }, file.text)
}
