import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

type Work<Input, Result> = (input: Input) => Promise<Result>

/** What a driver sends when it has ended. */
type Answer = { readonly result: unknown } | { readonly failure: string }

/** What takes longer will not end: something that was waited for does not come. */
const longestMinutes = 15

interface Order {
  readonly module: string
  readonly name: string
  readonly input: unknown
}

const workOf = Symbol('work')

/**
 * A function that runs in a fresh process, so that heap and compiled code of one run do not colour the next. Input and
 * result cross as JSON. The module exports it under `name`, and is imported there once more: it does nothing by itself.
 */
export function inDriver<Input, Result>(
  module: string,
  name: string,
  work: Work<Input, Result>,
): (input: Input) => Promise<Result> {
  return Object.assign((input: Input) => run<Result>({ module, name, input }), { [workOf]: work })
}

async function run<Result>(order: Order): Promise<Result> {
  const child = fork(fileURLToPath(import.meta.url), ['drive'], { execArgv: ['--expose-gc', '--enable-source-maps'] })
  let tooLong: NodeJS.Timeout | undefined
  try {
    child.send(order)
    const ended = once(child, 'exit').then(([code, signal]: unknown[]) => {
      throw new Error(`the driver of ${order.name} ended with ${String(code ?? signal)} before it answered`)
    })
    ended.catch(() => undefined)
    const late = new Promise<never>((_, reject) => {
      const failure = new Error(`the driver of ${order.name} had not ended after ${longestMinutes} minutes`)
      tooLong = setTimeout(() => reject(failure), longestMinutes * 60_000)
    })
    const [answer] = (await Promise.race([once(child, 'message'), ended, late])) as [Answer]
    if ('failure' in answer) throw new Error(answer.failure)
    return answer.result as Result
  } finally {
    clearTimeout(tooLong)
    child.kill('SIGKILL')
  }
}

async function drive({ module, name, input }: Order): Promise<Answer> {
  try {
    const exports = (await import(module)) as Record<string, { [workOf]?: Work<unknown, unknown> }>
    const work = exports[name]?.[workOf]
    if (work === undefined) throw new Error(`${module} exports no ${name} that was made with inDriver().`)
    return { result: await work(input) }
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) }
  }
}

if (process.argv[2] === 'drive' && process.send) {
  // Whoever would have the answer is gone.
  process.once('disconnect', () => process.exit())
  process.once('message', (order: Order) => {
    void drive(order).then((answer) => process.send!(answer))
  })
}
