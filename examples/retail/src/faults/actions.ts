import { setTimeout as pause } from 'node:timers/promises'
import type { ManagedProcess } from '../process/managed-process.ts'
import { count } from '../report/screen.ts'
import type { Journal } from './journal.ts'
import type { FaultKind } from './plan.ts'
import type { MailRecorder } from './recorder.ts'

const mailFailureMs = 3000

export interface FaultTargets {
  readonly journal: Journal
  readonly recorder: MailRecorder
  readonly marketing: ManagedProcess
  /** Absent where there is no server that could be killed. */
  readonly server?: ManagedProcess
  /** Whether nothing more will come. */
  readonly over: () => boolean
}

/** What the faults do to a run, whichever way its teams talk to each other; counted by what really happened. */
export function faultActions(targets: FaultTargets): Partial<Record<FaultKind, () => Promise<void>>> {
  const { journal, recorder, marketing, server, over } = targets
  const actions: Partial<Record<FaultKind, () => Promise<void>>> = {
    async 'kill-marketing'() {
      const duration = await timed(async () => {
        await marketing.kill()
        const before = recorder.calls
        while (recorder.calls === before && !over()) await pause(5)
      })
      journal.fault('marketing killed (SIGKILL)', `mails again after ${duration}`)
    },
    async 'fail-mail'() {
      const before = recorder.refused
      await recorder.failFor(mailFailureMs)
      journal.fault('mail failing for 3 s', `${count(recorder.refused - before)} calls refused`)
    },
  }
  if (server) {
    actions['kill-server'] = async () => {
      const duration = await timed(() => server.kill())
      journal.fault('server killed (SIGKILL)', `ready after ${duration}`)
    }
  }
  return actions
}

async function timed(work: () => Promise<void>): Promise<string> {
  const start = performance.now()
  await work()
  return `${((performance.now() - start) / 1000).toFixed(1)} s`
}
