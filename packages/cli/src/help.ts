import type { Command, Help, Option } from 'commander'

/** A line to type, and what it does. */
export type Example = readonly [line: string, what: string]

type Item = readonly [term: string, description: string]

/** The help of a command: what it is for, examples, and then what can be said to it. */
export function formatHelp(command: Command, helper: Help): string {
  const examples = 'examples' in command ? (command.examples as readonly Example[]) : []
  const subcommands = helper.visibleCommands(command).filter((each) => each.name() !== 'help')
  const parts = [
    `${command.description()}\n`,
    section(
      'Examples',
      examples.flatMap(([line, what]) => [`  # ${what}`, `  ${line}`]),
    ),
    `Usage: ${helper.commandUsage(command)}\n`,
    list(
      'Commands',
      subcommands.map((each): Item => [each.name(), firstSentence(each.description())]),
    ),
    list(
      'Arguments',
      helper.visibleArguments(command).map((each): Item => [each.name(), helper.argumentDescription(each)]),
    ),
    list('Options', ownOptions(command, helper).map(optionItem(helper))),
    list('Common options', commonOptions(command, helper).map(optionItem(helper))),
  ]
  return parts.filter((part) => part !== '').join('\n')
}

function firstSentence(text: string): string {
  return /^.*?\.(?= |$)/.exec(text)?.[0] ?? text
}

function ownOptions(command: Command, helper: Help): Option[] {
  return command.parent ? helper.visibleOptions(command).filter(({ long }) => long !== '--help') : []
}

function commonOptions(command: Command, helper: Help): Option[] {
  return command.parent ? helper.visibleGlobalOptions(command) : helper.visibleOptions(command)
}

function optionItem(helper: Help): (option: Option) => Item {
  return (option) => [helper.optionTerm(option), helper.optionDescription(option)]
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}:\n${lines.join('\n')}\n`
}

const widestTerm = 30
const lineWidth = 110

function list(title: string, items: readonly Item[]): string {
  const width = Math.min(widestTerm, Math.max(0, ...items.map(([term]) => term.length)))
  return section(
    title,
    items.flatMap(([term, description]) => {
      const [first = '', ...rest] = wrap(description, lineWidth - width - 4)
      const lines = rest.map((line) => `${' '.repeat(width + 4)}${line}`)
      return term.length > width
        ? [`  ${term}`, `${' '.repeat(width + 4)}${first}`, ...lines]
        : [`  ${term.padEnd(width)}  ${first}`, ...lines]
    }),
  )
}

function wrap(text: string, width: number): readonly string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}
