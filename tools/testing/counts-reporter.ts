import type { SerializedError } from 'vitest'
import type { Reporter, TestCase, TestModule, TestRunEndReason } from 'vitest/node'

interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Why each test that did not run did not: its full name and the reason that it gave. */
interface NotRun {
  readonly name: string
  readonly reason: string
}

/**
 * Ends a run with the tests that this machine could not run, each with its reason, and then one line of counts that a
 * program can read. What fails outside a test counts too: a file that does not load, a stray error, a run of nothing.
 */
export default class CountsReporter implements Reporter {
  onTestRunEnd(
    modules: readonly TestModule[],
    strayErrors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const notRun = tests.filter((test) => test.result().state === 'skipped').map(describeNotRun)
    const counted = countsOf(modules)
    const failed = counted.failed + strayErrors.length
    const counts: Counts = { ...counted, failed: reason === 'passed' ? failed : Math.max(failed, 1) }
    const lines = [...formatNotRun(notRun), ...formatProjects(modules), formatCounts(counts)]
    // Other reporters write their summary at the same moment; the counts come after all of them.
    process.once('exit', () => process.stdout.write(`${lines.join('\n')}\n`))
  }
}

function describeNotRun(test: TestCase): NotRun {
  const result = test.result()
  const project = test.module.project.name
  const on = project === '' || project === 'this machine' ? '' : `${project} › `
  const reason = result.state === 'skipped' ? result.note : undefined
  return {
    name: `${on}${test.module.relativeModuleId} › ${test.fullName.replaceAll(' > ', ' › ')}`,
    reason: reason ?? 'no reason given',
  }
}

function countsOf(modules: readonly TestModule[]): Counts {
  const states = modules.flatMap((module) => [...module.children.allTests()]).map((test) => test.result().state)
  const count = (state: string): number => states.filter((each) => each === state).length
  const unloaded = modules.filter((module) => module.errors().length > 0).length
  return { passed: count('passed'), failed: count('failed') + unloaded, skipped: count('skipped') }
}

/** The tests that did not run, grouped by reason. */
function formatNotRun(notRun: readonly NotRun[]): string[] {
  const reasons = [...new Set(notRun.map((test) => test.reason))]
  return reasons.flatMap((reason) => [
    `Not run: ${reason}`,
    ...notRun.filter((test) => test.reason === reason).map((test) => `  ${test.name}`),
  ])
}

/** Where there are several projects, what each of them has counted. */
function formatProjects(modules: readonly TestModule[]): string[] {
  const names = [...new Set(modules.map((module) => module.project.name))].filter((name) => name !== '')
  return names.map(
    (name) => `On ${name}: ${formatCounts(countsOf(modules.filter((module) => module.project.name === name)))}`,
  )
}

function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
