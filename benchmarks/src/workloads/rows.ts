import { figureOf, type Figure, type Outcome } from '../house/rounds.ts'
import { ratiosTo, type Bar, type Column, type Row } from '../house/table.ts'
import type { Limit, Limits } from '../limits/limits.ts'
import type { Durability, System } from '../systems/system.ts'

/** What a run says of its speed. */
export interface Speed {
  readonly perSecond: number
  readonly cpuSecondsPerMillion: number
  readonly duplicated: number
  readonly reordered: number
}

/** The figure of each run, where all runs came to an end. */
export function figureFrom<Result>(
  outcome: Outcome<Result> | undefined,
  of: (result: Result) => number,
): Figure | undefined {
  if (outcome === undefined || 'failure' in outcome) return undefined
  return figureOf(outcome.results.map(of))
}

export const speedOf = (outcome: Outcome<Speed> | undefined): Figure | undefined =>
  figureFrom(outcome, ({ perSecond }) => perSecond)

/** A row of speeds, one for each column; what fails in one of them has no figure there, and the row says why. */
export function speedRow(
  name: string,
  outcomes: readonly (Outcome<Speed> | undefined)[],
  headline: number,
  rest: Pick<Row, 'share' | 'ratios' | 'bars'> = {},
): Row {
  const failures = outcomes.flatMap((outcome) => (outcome && 'failure' in outcome ? [outcome.failure] : []))
  const values = outcomes.map((outcome) => speedOf(outcome) ?? null)
  if (values.every((value) => value === null)) return { name, notMeasured: failures[0] ?? 'it has no such call' }
  const cpuSecondsPerMillion = figureFrom(outcomes[headline], (result) => result.cpuSecondsPerMillion)
  const remark = [...new Set(failures), ...seen(outcomes)].join('; ')
  return {
    name,
    values,
    ...(cpuSecondsPerMillion && { cpuSecondsPerMillion }),
    ...(remark !== '' && { remark }),
    ...rest,
  }
}

function seen(outcomes: readonly (Outcome<Speed> | undefined)[]): string[] {
  const results = outcomes.flatMap((outcome) => (outcome && 'results' in outcome ? outcome.results : []))
  const duplicated = results.reduce((sum, result) => sum + result.duplicated, 0)
  const reordered = results.reduce((sum, result) => sum + result.reordered, 0)
  return [
    ...(duplicated > 0 ? [`${duplicated.toLocaleString('en')} duplicated`] : []),
    ...(reordered > 0 ? [`${reordered.toLocaleString('en')} out of order`] : []),
  ]
}

export const isOurs = ({ name }: System): boolean => name.startsWith('tidings')

export function peersIn(
  systems: readonly System[],
  of: { readonly durability?: Durability; readonly form?: System['form'] },
): readonly System[] {
  return systems.filter(
    (system) =>
      !isOurs(system) &&
      (of.durability === undefined || system.durability === of.durability) &&
      (of.form === undefined || system.form === of.form),
  )
}

/** By the name of each peer, how many times as fast `ours` is. */
export function ratios(
  ours: Figure | undefined,
  peers: readonly (readonly [name: string, Figure | undefined])[],
): NonNullable<Row['ratios']> {
  if (ours === undefined) return {}
  return ratiosTo(ours.median, Object.fromEntries(peers.map(([name, figure]) => [name, figure?.median])))
}

/** Whether ours is so many times as fast as the best of the peers. Nothing where either was not measured. */
export function timesTheBest(
  times: number,
  best: string,
  ours: Figure | undefined,
  peers: readonly (Figure | undefined)[],
): readonly Bar[] {
  const speeds = peers.flatMap((figure) => (figure ? [figure.median] : []))
  if (ours === undefined || speeds.length === 0) return []
  return [{ promise: `≥ ${times} × ${best}`, isMet: ours.median >= times * Math.max(...speeds) }]
}

export function columns(titles: readonly string[], unit: string): readonly Column[] {
  return titles.map((title) => ({ title, unit }))
}

/** What a system cannot go beyond: its own thread, the loopback, or what PostgreSQL commits. */
export function limitOf(system: System, limits: Limits, bytes: number): Promise<Limit> {
  if (system.name === 'tidings-embedded' || system.name === 'tidings-engine') return limits.codec(bytes)
  if (system.name === 'tidings-server') return limits.posts(bytes)
  if (system.name === 'tidings-postgres' || system.title.includes('PostgreSQL')) return limits.unnestInserts()
  return limits.frames(bytes)
}
