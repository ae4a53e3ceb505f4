import { spawn, type ChildProcess } from 'node:child_process'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'

export interface ProcessOptions {
  readonly name: string
  readonly command: string
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly logFile: string
}

const pauseBeforeRestartMs = 50
const failuresInARow = 5
const graceMs = 5000

/**
 * A process that runs until it is told to stop: whoever kills it, it comes back on the port that it had. It is ready
 * when it prints `listening on <url>`.
 */
export class ManagedProcess {
  readonly #options: ProcessOptions
  readonly #watchers = new Set<{ resolve: () => void; reject: (error: Error) => void }>()
  #child: ChildProcess | undefined
  #ready = false
  #stopping = false
  /** Nobody starts it again at present. */
  #isHeld = false
  #failures = 0
  url = ''
  /** Why nobody tries to start it any more. */
  problem: string | undefined

  constructor(options: ProcessOptions) {
    this.#options = options
    writeFileSync(options.logFile, '')
  }

  get name(): string {
    return this.#options.name
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get ready(): boolean {
    return this.#ready
  }

  start(): Promise<void> {
    this.#launch()
    return this.whenReady()
  }

  /** Resolves when the process serves; rejects with the end of its log when it cannot be started. */
  whenReady(): Promise<void> {
    if (this.#ready) return Promise.resolve()
    return new Promise((resolve, reject) => this.#watchers.add({ resolve, reject }))
  }

  /** SIGKILL, without a warning; resolves when the process that replaces it serves. */
  async kill(): Promise<void> {
    this.#ready = false
    this.#child?.kill('SIGKILL')
    await this.whenReady()
  }

  /** Stops the process, and starts it again when something is done that must not be done while it runs. */
  async restart(meanwhile: () => void): Promise<void> {
    this.#isHeld = true
    await this.#terminate()
    meanwhile()
    this.#isHeld = false
    await this.start()
  }

  /** SIGTERM, and SIGKILL for what does not listen. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#terminate()
  }

  async #terminate(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      child.once('close', () => {
        clearTimeout(timer)
        resolve()
      })
      child.kill('SIGTERM')
    })
  }

  #launch(): void {
    const { command, arguments: words, environment, logFile } = this.#options
    const port = this.url === '' ? '0' : new URL(this.url).port
    const child = spawn(command, words, {
      env: { ...process.env, ...environment, PORT: port, STOP_WITH_STDIN: '1' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#child = child
    // A pipe to a process that was killed breaks; its exit says so already.
    child.stdin.on('error', () => undefined)
    child.stderr.on('data', (chunk: Buffer) => appendFileSync(logFile, chunk))
    child.stdout.on('data', (chunk: Buffer) => {
      appendFileSync(logFile, chunk)
      const url = /listening on (http:\S+)/.exec(chunk.toString('utf8'))?.[1]
      if (url !== undefined) this.#announceReady(url)
    })
    child.once('error', (error) => appendFileSync(logFile, `${error.message}\n`))
    child.once('close', () => this.#ended(child))
  }

  #announceReady(url: string): void {
    this.url = url
    this.#ready = true
    this.#failures = 0
    for (const { resolve } of this.#watchers) resolve()
    this.#watchers.clear()
  }

  #ended(child: ChildProcess): void {
    this.#ready = false
    if (this.#stopping) return this.#giveUp(`${this.name} was stopped before it was ready.`)
    if (this.#isHeld) return
    this.#failures += 1
    if (this.#failures > failuresInARow) {
      const lines = readFileSync(this.#options.logFile, 'utf8').trimEnd().split('\n')
      // The places in the code that an error passed through are many and would push its message out.
      const tail = lines
        .filter((line) => !/^ +at /.test(line))
        .slice(-15)
        .join('\n')
      const how = child.signalCode ?? `exit code ${child.exitCode}`
      this.problem = `${this.name} does not start (${how}). The end of ${this.#options.logFile}:\n${tail}`
      return this.#giveUp(this.problem)
    }
    setTimeout(() => {
      if (!this.#stopping) this.#launch()
    }, pauseBeforeRestartMs)
  }

  #giveUp(message: string): void {
    for (const { reject } of this.#watchers) reject(new Error(message))
    this.#watchers.clear()
  }
}
