import type { Argument, Command, Option } from 'commander'

/**
 * What may stand at the end of a command line. `words` are those after `tidings`, the last one unfinished (or empty).
 * No answer lets the shell complete file names.
 */
export function candidatesFor(program: Command, words: readonly string[]): readonly string[] {
  const finished = words.slice(0, -1)
  const current = words.at(-1) ?? ''
  const place = follow(program, finished)
  return possible(place, current).filter((candidate) => candidate.startsWith(current))
}

interface Place {
  readonly command: Command
  /** The option that waits for its value. */
  readonly option: Option | undefined
  /** How many arguments of the command are there already. */
  readonly given: number
}

function follow(program: Command, words: readonly string[]): Place {
  let command = program
  let option: Option | undefined
  let given = 0
  for (const word of words) {
    if (option) {
      option = undefined
    } else if (word.startsWith('-')) {
      const found = optionsOf(command).find(({ long, short }) => word === long || word === short)
      option = found?.required ? found : undefined
    } else {
      const next = command.commands.find((each) => each.name() === word)
      if (next) command = next
      else given += 1
    }
  }
  return { command, option, given }
}

function possible({ command, option, given }: Place, current: string): readonly string[] {
  if (option) return option.argChoices ?? []
  const names = command.commands.filter(isVisible).map((each) => each.name())
  if (current.startsWith('-')) {
    const options = optionsOf(command).filter(({ hidden }) => !hidden)
    return [...options.flatMap(({ long }) => long ?? []), '--help'].sort()
  }
  return names.length > 0 ? names.sort() : (argumentAt(command, given)?.argChoices ?? [])
}

function argumentAt(command: Command, given: number): Argument | undefined {
  const { registeredArguments } = command
  const last = registeredArguments.at(-1)
  return registeredArguments[given] ?? (last?.variadic ? last : undefined)
}

/** Those of the command and of the commands above it, which may stand anywhere. */
function optionsOf(command: Command | null): readonly Option[] {
  return command ? [...command.options, ...optionsOf(command.parent)] : []
}

function isVisible(command: Command): boolean {
  return !('_hidden' in command && command._hidden === true)
}
