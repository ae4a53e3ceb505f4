import { Command, type ErrorOptions, type HelpContext } from 'commander'
import { exitCodes, UsageError, type ExitCode } from './failure.ts'
import { formatHelp, type Example } from './help.ts'
import type { Terminal } from './output.ts'
import { Session } from './session.ts'
import type { Flags } from './settings.ts'

/** What the commands of one run share. */
export interface RunState {
  readonly terminal: Terminal
  exitCode: ExitCode
}

/** A command of ours: it has examples, it runs in a session, and what is wrong with its arguments is one line. */
export class TidingsCommand extends Command {
  readonly examples: Example[] = []
  readonly #state: RunState

  constructor(name: string | undefined, state: RunState) {
    super(name)
    this.#state = state
    this.configureHelp({ formatHelp, showGlobalOptions: true })
    this.configureOutput({
      writeOut: (text) => void state.terminal.stdout.write(text),
      getOutHelpWidth: () => 100,
      getOutHasColors: () => false,
    })
    this.exitOverride()
  }

  override createCommand(name?: string): TidingsCommand {
    return new TidingsCommand(name, this.#state)
  }

  /** Shown at the top of the help; `what` says what it does. */
  example(line: string, what: string): this {
    this.examples.push([line, what])
    return this
  }

  /** What the command does. Where it answers nothing, all is well. */
  runs<Words extends readonly unknown[], Options extends object = Flags>(
    body: (session: Session, words: Words, options: Options & Flags) => Promise<ExitCode | void>,
  ): this {
    return this.action(async () => {
      const session = new Session(this.#state.terminal, this.optsWithGlobals<Flags>())
      try {
        // Commander has read both by the declarations that stand beside the types.
        const words = this.processedArgs as unknown as Words
        this.#state.exitCode = (await body(session, words, this.optsWithGlobals<Options & Flags>())) ?? exitCodes.ok
      } finally {
        session.output.endProgress()
        await session.close()
      }
    })
  }

  /** The command as it is typed: `tidings topics list`. */
  get path(): string {
    return this.parent instanceof TidingsCommand ? `${this.parent.path} ${this.name()}` : this.name()
  }

  override error(message: string, _options?: ErrorOptions): never {
    const sentence = message
      .replace(/^error: /, '')
      .replaceAll(/\s*\n\s*/g, ' ')
      .replace(/\.$/, '')
    throw new UsageError(`${sentence}. See: ${this.path} --help`)
  }

  override help(context?: HelpContext | ((text: string) => string)): never {
    if (typeof context === 'object' && context.error) {
      const names = this.commands
        .map((command) => command.name())
        .filter((name) => name !== 'help' && name !== 'complete')
      throw new UsageError(`${this.path} needs one of: ${names.join(', ')}. See: ${this.path} --help`)
    }
    return super.help()
  }
}
