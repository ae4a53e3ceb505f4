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
    const unloaded = modules.filter((module) => module.errors().length > 0).length
    const failed = tests.filter((test) => test.result().state === 'failed').length + unloaded + strayErrors.length
    const counts: Counts = {
      passed: tests.filter((test) => test.result().state === 'passed').length,
      failed: reason === 'passed' ? failed : Math.max(failed, 1),
      skipped: notRun.length,
    }
    const lines = formatReport(counts, notRun)
    // Other reporters write their summary at the same moment; the counts come after all of them.
    process.once('exit', () => process.stdout.write(`${lines.join('\n')}\n`))
  }
}

function describeNotRun(test: TestCase): NotRun {
  const result = test.result()
  const reason = result.state === 'skipped' ? result.note : undefined
  return {
    name: `${test.module.relativeModuleId} › ${test.fullName.replaceAll(' > ', ' › ')}`,
    reason: reason ?? 'no reason given',
  }
}

/** The closing lines: tests that did not run, grouped by reason, and the counts. */
function formatReport(counts: Counts, notRun: readonly NotRun[]): string[] {
  const reasons = [...new Set(notRun.map((test) => test.reason))]
  const lines = reasons.flatMap((reason) => [
    `Not run: ${reason}`,
    ...notRun.filter((test) => test.reason === reason).map((test) => `  ${test.name}`),
  ])
  return [...lines, `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`]
}
