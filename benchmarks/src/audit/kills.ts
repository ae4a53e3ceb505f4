import { startInspected, type Inspected } from './inspected.ts'

export interface KillReport {
  readonly kills: number
  readonly acknowledged: number
  /** Acknowledged, and not there any more. */
  readonly missing: number
}

/** What is not there so long after the last one that came is missing. */
const patienceMs = 10_000
const window = 64
const mostInRound = 1_000_000

/**
 * Kills a system (SIGKILL to all of its processes, and to that of its client) while it takes in messages, again and
 * again on what it has stored, and looks each time whether what it had acknowledged is there.
 */
export async function killAgainAndAgain(system: string, folder: string, kills: number): Promise<KillReport> {
  const acknowledged = new Set<number>()
  const open = new Set<number>()
  let next = 0
  let onWord = (): void => undefined
  const listener = {
    acknowledged(number: number) {
      acknowledged.add(number)
      open.add(number)
      onWord()
    },
    saw(number: number) {
      open.delete(number)
      onWord()
    },
  }
  const drain = async (inspected: Inspected): Promise<void> => {
    await inspected.tell({ consume: true })
    await untilQuiet(
      () => open.size === 0,
      (listen) => (onWord = listen),
    )
    await inspected.tell({ rest: true })
  }
  for (let kill = 0; kill < kills; kill++) {
    const inspected = await startInspected(system, folder, listener)
    await drain(inspected)
    const enough = acknowledged.size + 1 + Math.floor(Math.random() * 500)
    const reached = new Promise<void>((resolve) => {
      onWord = () => acknowledged.size >= enough && resolve()
    })
    inspected.tell({ publish: { from: next, count: mostInRound, window } }).catch(() => undefined)
    await reached
    await inspected.kill()
    next += mostInRound
  }
  const last = await startInspected(system, folder, listener)
  await drain(last)
  await last.kill()
  return { kills, acknowledged: acknowledged.size, missing: open.size }
}

/** Resolves when it is so, or when nothing was heard for a while. */
function untilQuiet(isSo: () => boolean, onWord: (listen: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    let timer = setTimeout(resolve, patienceMs)
    const look = (): void => {
      clearTimeout(timer)
      if (isSo()) resolve()
      else timer = setTimeout(resolve, patienceMs)
    }
    onWord(look)
    look()
  })
}
