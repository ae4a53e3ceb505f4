import { sleep } from '../environment/index.ts'
import type { Parts } from './parts.ts'
import { loadSide, type Side } from './side.ts'

const lookEveryMs = 50

/** Resolves with whether everything before this mark was applied to the side, by whoever follows, before the time is over. */
export async function drained(
  { environment }: Parts,
  target: Side,
  options: { readonly token: string; readonly limitMs: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const { token, limitMs, signal } = options
  const begun = environment.clock.monotonic()
  for (;;) {
    if ((await loadSide(target))?.drained === token) return true
    if (signal.aborted || environment.clock.monotonic() - begun >= limitMs) return false
    await sleep(environment, lookEveryMs, signal)
  }
}
