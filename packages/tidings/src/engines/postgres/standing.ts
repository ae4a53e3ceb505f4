import { ensureServes, type StoreStanding } from '../../engine/index.ts'
import type { Run } from './session.ts'

/** What the function `moved` raises. */
export const movedCode = 'TD002'

export async function standingOf(run: Run): Promise<StoreStanding> {
  const [found] = await run<{ id: string; past: string; standing: string | null }>(
    'select id, past, standing from {store}',
  )
  const { id = '', past = '[]', standing } = found ?? {}
  const noted = JSON.parse(standing ?? '{}') as Pick<StoreStanding, 'arrival' | 'departure'>
  return { store: id, past: JSON.parse(past) as string[], ...noted }
}

/** Whether the store serves; rejects where it does not and nobody holds it. */
export async function ensureStoreServes(run: Run, schema: string, held: boolean): Promise<boolean> {
  const standing = await standingOf(run)
  if (!held) ensureServes(standing, `The store in the schema "${schema}"`)
  return !standing.arrival && !standing.departure
}
