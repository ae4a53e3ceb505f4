import { fileURLToPath } from 'node:url'
import { audit, failedIn, markFailed } from './audit/audit.ts'
import { describeMachine } from './house/machine.ts'
import { render } from './house/report.ts'
import { resultsVersion, storeResult, type Run } from './house/results.ts'
import { askedBy, WordsRefused, type Asked } from './house/words.ts'
import { limitsOf } from './limits/measure.ts'
import { systems } from './systems/index.ts'
import type { System } from './systems/system.ts'
import { workloads } from './workloads/index.ts'

/** Speed as ratios and shares of limits, all measured in one run: `npm run bench`; see README.md for its words. */
const isOurs = ({ name }: System): boolean => name.startsWith('tidings')

async function bench(asked: Asked): Promise<void> {
  const out = asked.out ?? fileURLToPath(new URL('../results', import.meta.url))
  if (!asked.isRendering) await measure(asked, out)
  await render(out)
  console.log(`The report is in ${out}.`)
}

async function measure(asked: Asked, out: string): Promise<void> {
  const start = performance.now()
  const say = (line: string): void => {
    const seconds = Math.round((performance.now() - start) / 1_000)
    console.log(`${String(seconds).padStart(5)} s  ${line}`)
  }
  const { able, described } = await look(asked)
  for (const { name, missing } of described) if (missing !== undefined) say(`${name} is not run: ${missing}`)
  const limits = limitsOf({ isQuick: asked.isQuick, say })
  const run: Omit<Run, 'limits'> = {
    begun: new Date().toISOString(),
    isQuick: asked.isQuick,
    machine: await describeMachine(),
    systems: described,
  }
  let failed: ReadonlySet<string> = new Set()
  for (const workload of workloads) {
    const { id, title } = workload
    if (asked.only.length > 0 && !asked.only.includes(id)) continue
    say(`${id} · ${title}`)
    const assignment = { isQuick: asked.isQuick, systems: able, limits, say: (line: string) => say(`  ${line}`) }
    const outcome = await workload.run(assignment).then(
      (tables) => ({ tables: markFailed(tables, failed) }),
      (error: unknown) => ({ tables: [], failure: error instanceof Error ? error.message : String(error) }),
    )
    if ('failure' in outcome) {
      say(`${id} failed: ${outcome.failure}`)
      process.exitCode = 1
    }
    if (workload === audit) failed = failedIn(outcome.tables)
    await storeResult(out, {
      version: resultsVersion,
      id,
      title,
      run: { ...run, limits: limits.measured() },
      ...outcome,
    })
    await render(out)
  }
}

/** Which of the systems that were asked for can run here, and what the report says of each. */
async function look({ peers }: Asked): Promise<{ able: readonly System[]; described: Run['systems'] }> {
  const wanted = systems.filter(
    (system) => isOurs(system) || (peers?.some((peer) => system.name.startsWith(peer)) ?? true),
  )
  const looked = await Promise.all(wanted.map(async (system) => ({ system, missing: await system.missing() })))
  return {
    able: looked.flatMap(({ system, missing }) => (missing === undefined ? [system] : [])),
    described: looked.map(({ system: { name, title }, missing }) => ({
      name,
      title,
      ...(missing !== undefined && { missing }),
    })),
  }
}

try {
  const peers = systems.filter((system) => !isOurs(system)).map(({ name }) => name)
  await bench(askedBy(process.argv.slice(2), { workloads: workloads.map(({ id }) => id), peers }))
} catch (error) {
  console.error(error instanceof WordsRefused ? error.message : error)
  process.exitCode = 1
}
