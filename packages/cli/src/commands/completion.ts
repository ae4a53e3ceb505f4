import { Argument } from 'commander'
import type { TidingsCommand } from '../command.ts'
import { candidatesFor } from '../completion/candidates.ts'
import { completionScripts, type Shell } from '../completion/scripts.ts'

export function addCompletion(program: TidingsCommand): void {
  program
    .command('completion')
    .description('Prints the script that lets your shell complete this command.')
    .example('source <(tidings completion bash)', 'for this bash; put it into ~/.bashrc to keep it')
    .example('tidings completion zsh > "${fpath[1]}/_tidings"', 'for every zsh')
    .example('tidings completion fish > ~/.config/fish/completions/tidings.fish', 'for every fish')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .runs<[shell: Shell]>(({ output }, [shell]) => output.line(completionScripts[shell].trimEnd()))
  program
    .command('complete', { hidden: true })
    .description('Answers what may come next; the scripts of tidings completion ask it.')
    .argument('[words...]')
    .runs<[words: string[]]>(async ({ output }, [words]) => {
      for (const candidate of candidatesFor(program, words)) await output.line(candidate)
    })
}
