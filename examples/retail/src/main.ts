import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { measureCommitRate } from './faults/disk.ts'
import { planFaults } from './faults/plan.ts'
import { readInvoices } from './invoices/read.ts'
import { runNaively } from './naive/run.ts'
import { parseOptions, usage, type Options } from './options.ts'
import { Processes } from './process/processes.ts'
import { expectedValues } from './proof/expected.ts'
import { printComparison, printProof } from './report/report.ts'
import { count, Screen } from './report/screen.ts'
import { runSabotage } from './sabotage/run.ts'
import { proveStage } from './tidings/prove-stage.ts'
import { runTidings } from './tidings/run.ts'
import { startStage } from './tidings/stage.ts'
import { keepRunning } from './tidings/trickle.ts'

const processes = new Processes()
const screen = new Screen()

async function main(options: Options): Promise<number> {
  readInvoices(options.invoices) // A row that does not parse ends it here, before anything has begun.
  const expected = expectedValues(options.invoices, options.orders)
  const orders = expected.orders.size
  const plan = planFaults(options.seed, orders)
  prepareDirectory(options.directory)
  const commitRate = measureCommitRate(options.directory)

  screen.line(screen.strong('Tidings · one year of real orders · 4 teams · 4 databases · every commit fsynced'))
  screen.line(
    `sales ─▶ crm ─▶ marketing, analytics     faults: seed ${options.seed}     this disk: ${count(commitRate)} durable commits/s`,
  )
  screen.line()
  screen.line('First the way it is usually written: commit, then POST to the others.')
  const naive = await runNaively({ options, expected, plan, screen, processes })
  screen.line(`        ✖ ${count(naive.requestsReplayed)} requests said twice`)
  screen.line()
  screen.line('Now the same orders and the same faults through Tidings.')
  const stage = await startStage(options, orders, processes)
  const run = await runTidings({ stage, orders, plan, screen })
  screen.endProgress()
  screen.line(`        ✖ ${count(stage.proxy.replayed())} deliveries said twice`)
  const isMended = options.sabotage ? await runSabotage(stage, screen, options) : true
  const { figures, checks, deadLetters } = await proveStage(stage, expected)
  printComparison(screen, naive.figures, figures)
  const analytics =
    stage.python === undefined
      ? 'in TypeScript, because this machine has no Python 3'
      : `in Python ${stage.python}, standard library only, over plain HTTP`
  printProof(screen, {
    checks,
    run,
    deadLetters,
    revenuePence: expected.revenuePence,
    commitRate,
    analytics,
  })
  const differs = !isMended || checks.some(({ holds }) => !holds)
  if (!options.once) await keepRunning(stage, screen, options)
  return differs ? 1 : 0
}

/** Removes what an earlier run left there, and nothing else; refuses a directory that another run is using. */
function prepareDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true })
  const owner = join(directory, 'run.pid')
  const other = existsSync(owner) ? Number(readFileSync(owner, 'utf8')) : 0
  if (other > 0 && other !== process.pid && isAlive(other)) {
    const stale = `or remove ${owner} if that process is something else`
    throw new Error(`Process ${other} runs in ${directory}; end it, choose another directory with --data, ${stale}.`)
  }
  writeFileSync(owner, String(process.pid))
  process.once('exit', () => rmSync(owner, { force: true }))
  for (const run of ['commit-then-post', 'tidings']) rmSync(join(directory, run), { recursive: true, force: true })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

let ending: Promise<void> | undefined

/** Ends every process that was started, whatever happened. */
function end(code: number): Promise<void> {
  ending ??= (async () => {
    screen.endProgress()
    await processes.end()
    process.exit(code)
  })()
  return ending
}

const root = fileURLToPath(new URL('..', import.meta.url))

try {
  const options = parseOptions(process.argv.slice(2), {
    directory: `${root}.data`,
    invoices: `${root}data/invoices.csv`,
  })
  if (options) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end(130))
    await end(await main(options))
  } else {
    console.log(usage)
  }
} catch (error) {
  if (ending) await ending
  console.error(error instanceof Error ? error.message : error)
  await end(2)
}
