const barWidth = 18

/** Lines with a progress bar below them on a terminal; plain lines, and progress now and then, everywhere else. */
export class Screen {
  readonly #out: NodeJS.WriteStream
  readonly #colours: boolean
  #bar = ''
  #lastTenth = -1

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out
    this.#colours = out.isTTY && process.env['NO_COLOR'] === undefined
  }

  line(text = ''): void {
    this.#clear()
    this.#out.write(`${text}\n`)
    this.#draw()
  }

  progress(options: { done: number; total: number; seconds: number; unit: string }): void {
    const { done, total, seconds, unit } = options
    const share = total === 0 ? 1 : done / total
    const filled = Math.floor(share * barWidth)
    const text = `[${'█'.repeat(filled)}${' '.repeat(barWidth - filled)}] ${count(done)}/${count(total)} ${unit}  ${seconds.toFixed(0)} s`
    if (this.#out.isTTY) {
      this.#clear()
      this.#bar = text
      this.#draw()
    } else if (Math.floor(share * 10) !== this.#lastTenth) {
      this.#lastTenth = Math.floor(share * 10)
      this.#out.write(`${text}\n`)
    }
  }

  /** A line at the bottom that the next one replaces; only on a terminal. */
  status(text: string): void {
    if (!this.#out.isTTY) return
    this.#clear()
    this.#bar = text
    this.#draw()
  }

  /** Leaves the bar where it stands and goes on below it. */
  endProgress(): void {
    if (this.#bar !== '') this.#out.write('\n')
    this.#bar = ''
    this.#lastTenth = -1
  }

  strong(text: string): string {
    return this.#colours ? `\u001B[1m${text}\u001B[22m` : text
  }

  bad(text: string): string {
    return this.#colours ? `\u001B[31m${text}\u001B[39m` : text
  }

  good(text: string): string {
    return this.#colours ? `\u001B[32m${text}\u001B[39m` : text
  }

  #clear(): void {
    if (this.#bar !== '') this.#out.write('\r\u001B[K')
  }

  /** A line that the terminal broke in two could not be replaced, so it is cut. */
  #draw(): void {
    if (this.#bar !== '') this.#out.write(this.#bar.slice(0, (this.#out.columns || 80) - 1))
  }
}

/** `18,532` */
export function count(number: number): string {
  return number.toLocaleString('en-GB')
}
