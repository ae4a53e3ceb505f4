import { notRun } from '@tidings/tools/not-run'
import { expect, type TestContext } from 'vitest'
import { runDatabaseCase, type DatabaseCase, type DatabaseSubject } from '../../database/conformance/index.ts'
import { startWriter } from '../../database/conformance/writer-process.fixture.ts'
import type { ClientOptions, OpenClient } from './clients.fixture.ts'
import { postgresDatabase } from './index.ts'

/** A store of the published suite over one kind of client; with a script, one that a process of its own can write. */
export function subjectOf(
  openClient: (options: ClientOptions) => OpenClient,
  url: string,
  script?: string,
): DatabaseSubject {
  const opened: OpenClient[] = []
  const open = (settings: ClientOptions['settings'] = {}): OpenClient => {
    const client = openClient({ url, settings })
    opened.push(client)
    return client
  }
  return {
    open: () => postgresDatabase({ ...open().connections, lockTimeoutMs: 300 }),
    openNotDurable: () => postgresDatabase(open({ synchronous_commit: 'off' }).connections),
    begin: () => open().begin(),
    async lock() {
      const { run, rollBack } = await open().begin()
      await run('lock table entry in exclusive mode')
      return rollBack
    },
    ...(script === undefined ? {} : { startWriter: async () => startWriter(script, [url]) }),
    dispose: async () => void (await Promise.all(opened.map((client) => client.end()))),
  }
}

export async function tryCase(
  context: TestContext,
  databaseCase: DatabaseCase,
  subject: DatabaseSubject,
): Promise<void> {
  const reason = await runDatabaseCase(databaseCase, subject)
  if (reason !== undefined) notRun(context, { part: 'postgres', reason })
  expect(reason).toBeUndefined()
}
