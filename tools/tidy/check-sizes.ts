import {
  at,
  isCode,
  isNode,
  lineOf,
  parse,
  walk,
  type Problem,
  type RepositoryFile,
  type SyntaxNode,
} from './source.ts'

export const longestFile = 300
export const longestFunction = 60

const functionNodes = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']

/** Files and functions that are too long. */
export function checkSizes(files: readonly RepositoryFile[]): readonly Problem[] {
  return files.filter(isCode).flatMap((file) => [...checkFile(file), ...checkFunctions(file)])
}

function checkFile(file: RepositoryFile): readonly Problem[] {
  const lines = file.text.trimEnd().split('\n').length
  return lines > longestFile
    ? [`${file.path} has ${lines} lines: split it by responsibility (at most ${longestFile})`]
    : []
}

function checkFunctions(file: RepositoryFile): readonly Problem[] {
  const problems: Problem[] = []
  walk(parse(file).program, (node, around) => {
    if (!functionNodes.includes(node.type) || isGroupOfTests(around.at(-1))) return
    const lines = lineOf(file, node.end) - lineOf(file, node.start) + 1
    if (lines > longestFunction) {
      problems.push(
        `${at(file, node.start)} a function has ${lines} lines: name its steps (at most ${longestFunction})`,
      )
    }
  })
  return problems
}

/** `describe('…', () => { … })` is a chapter, not a function. */
function isGroupOfTests(call: SyntaxNode | undefined): boolean {
  if (call?.type !== 'CallExpression' || !isNode(call['callee'])) return false
  const callee = call['callee']
  const name =
    callee['name'] ??
    (isNode(callee['callee']) && isNode(callee['callee']['object']) ? callee['callee']['object']['name'] : undefined)
  return name === 'describe'
}
