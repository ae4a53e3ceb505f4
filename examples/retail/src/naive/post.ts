import { setTimeout as pause } from 'node:timers/promises'
import { call, type Answer } from '../process/http.ts'

const pausesMs = [200, 400, 800]

/** What people write: an HTTP request, three more tries after growing pauses, then a line in the log. */
export async function post(url: string, body: unknown): Promise<Answer | undefined> {
  for (const pauseMs of [...pausesMs, undefined]) {
    try {
      const answer = await call('POST', url, { body })
      if (answer.status < 400) return answer
    } catch {
      // No answer: the other side is down, or its answer was lost. Nobody can tell.
    }
    if (pauseMs !== undefined) await pause(pauseMs)
  }
  console.error(`gave up on POST ${url} ${JSON.stringify(body)}`)
  return undefined
}
