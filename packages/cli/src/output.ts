import { styleText } from 'node:util'
import type { Readable, Writable } from 'node:stream'
import { jsonLine } from './json.ts'

/** What a command has of its process; tests bring their own. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean }
  readonly stderr: Writable & { readonly isTTY?: boolean }
  /** The environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface OutputOptions {
  readonly json: boolean
  readonly quiet: boolean
  /** `false` for --no-color. */
  readonly color: boolean
}

/** Whoever reads the output has gone away: nothing is left to do, and nothing is wrong. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

/** Data goes to stdout, everything said about it to stderr. */
export class Output {
  readonly json: boolean
  readonly #terminal: Terminal
  readonly #options: OutputOptions
  #progress = ''

  constructor(terminal: Terminal, options: OutputOptions) {
    this.json = options.json
    this.#terminal = terminal
    this.#options = options
    // A broken pipe is reported to whoever writes; without a listener it would end the process as well.
    for (const stream of [terminal.stdout, terminal.stderr]) {
      if (stream.listenerCount('error') === 0) stream.on('error', () => undefined)
    }
  }

  /** A line of data; resolves when it is written. */
  line(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#terminal.stdout.write(`${text}\n`, (error) => {
        if (error) reject(new OutputClosed('The output was closed.', { cause: error }))
        else resolve()
      })
    })
  }

  /** An answer: as JSON where that is asked for, else as text for people; an empty text is not printed. */
  async show(value: unknown, text: () => string): Promise<void> {
    if (this.json) return this.line(jsonLine(value))
    const shown = text()
    if (shown !== '') await this.line(shown)
  }

  /** Something worth knowing that is no data. */
  note(text: string): void {
    if (!this.#options.quiet) this.#say(this.style('dim', text, 'stderr'))
  }

  warn(text: string): void {
    this.#say(`${this.style('yellow', 'warning:', 'stderr')} ${text}`)
  }

  error(text: string): void {
    this.#say(text)
  }

  /** A line that the next one replaces; for people at a terminal only. */
  progress(text: string): void {
    if (!this.#terminal.stderr.isTTY || this.#options.quiet || this.json) return
    this.#terminal.stderr.write(`\r${text.padEnd(this.#progress.length)}`)
    this.#progress = text
  }

  endProgress(): void {
    if (this.#progress === '') return
    this.#terminal.stderr.write(`\r${' '.repeat(this.#progress.length)}\r`)
    this.#progress = ''
  }

  style(style: Style, text: string, stream: 'stdout' | 'stderr' = 'stdout'): string {
    return this.#colored(stream) ? styleText(style, text, { validateStream: false }) : text
  }

  #say(text: string): void {
    this.endProgress()
    this.#terminal.stderr.write(`${text}\n`)
  }

  #colored(stream: 'stdout' | 'stderr'): boolean {
    const { NO_COLOR, FORCE_COLOR, TERM } = this.#terminal.env
    if (!this.#options.color || (NO_COLOR !== undefined && NO_COLOR !== '')) return false
    if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
    return this.#terminal[stream].isTTY === true && TERM !== 'dumb'
  }
}
