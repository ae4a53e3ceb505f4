import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

export interface Options {
  readonly once: boolean
  /** Break copies in every way that has a name, and have it found and mended. */
  readonly sabotage: boolean
  readonly seed: number
  /** Where databases and logs go. */
  readonly directory: string
  readonly invoices: string
  /** Play so many of the invoices only. */
  readonly orders: number
}

export const usage = `npm start -- [options]

  --once           end after the report; exit code 1 if anything differs
  --sabotage       break copies in every way that has a name, before the proof: found, explained, mended
  --seed N         which faults come when (default 7)
  --data DIR       where databases and logs go; what an earlier run left there is removed (default examples/retail/.data)
  --invoices FILE  another file with the columns of invoices.csv
  --orders N       play the first N invoices only
  --help           this text`

/** Reads the command line; `undefined` when help is wanted, and a message for what cannot be understood. */
export function parseOptions(
  words: readonly string[],
  defaults: { directory: string; invoices: string },
): Options | undefined {
  const { values } = parseArgs({
    args: [...words],
    options: {
      once: { type: 'boolean', default: false },
      sabotage: { type: 'boolean', default: false },
      seed: { type: 'string', default: '7' },
      data: { type: 'string', default: defaults.directory },
      invoices: { type: 'string', default: defaults.invoices },
      orders: { type: 'string', default: '1000000000' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    once: values.once,
    sabotage: values.sabotage,
    seed: wholeNumber('--seed', values.seed, 0),
    directory: fromWhereTheUserIs(values.data),
    invoices: fromWhereTheUserIs(values.invoices),
    orders: wholeNumber('--orders', values.orders, 1),
  }
}

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text)
  if (!/^\d{1,10}$/.test(text) || number < least)
    throw new Error(`${name} ${text} is not a whole number from ${least} on.`)
  return number
}

/** npm runs scripts in the folder of the package and keeps the user's own in INIT_CWD. */
function fromWhereTheUserIs(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? '.', path)
}
