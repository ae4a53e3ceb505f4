/**
 * The states of an extraction: some tables of an old database that others share become the tables of a new one. The state
 * stands in the new database (`tidings.extraction`) and nowhere else. What makes it true stands on each side: a side that
 * is *guarded* refuses every write but the follower's, by a trigger; its row in `tidings.extraction_side` has the token
 * under which it is guarded, and whoever applies changes there has to name that token in the same transaction.
 *
 * ```
 *              start                 switch              the stop mark was applied,
 *   (nothing) ──────▶ filling ─▶ following ─▶ switching ─────────────────────────▶ switched ─ finish ─▶ finishing ─▶ (nothing)
 *                        ▲ log lost  │ ▲ ▲        │ given up                       │   ▲
 *                        └───────────┘ │ └────────┘                           back │   │ given up
 *                                      │                                           ▼   │
 *                                      └────────── reopening ◀─────────────────── returning
 *
 *   filling, following, switching ─ abandon ─▶ abandoning ─▶ (nothing)
 * ```
 *
 * Invariants, whatever is killed when:
 *
 * 1. *Never are both sides written.* The new side is guarded from the start. It is opened only by the transaction that
 *    makes `switching` `switched`, which asks for the mark that the old side's log got in the transaction that guarded it.
 *    The old side is opened again only in `following` (a switch that was given up) or `reopening`, and in both the new
 *    side is guarded. A token that was given up never guards again: `revoked`.
 * 2. *The followed side is the other one as it was at `position`.* Rows and position are one transaction; a process whose
 *    token or position is not the present one applies nothing.
 * 3. *No write is lost.* A side is guarded with a lock that waits for every open writer, and the mark is written in that
 *    transaction; so every write that was ever acknowledged there stands in the log before the mark.
 *
 * The worst that a crash leaves is that neither side is written: between guarding the one and opening the other. Whoever
 * follows, or runs the command again, ends that: forward once the mark was applied, else back after the deadline.
 */
export type State =
  | 'filling'
  | 'following'
  | 'switching'
  | 'switched'
  | 'returning'
  | 'reopening'
  | 'finishing'
  | 'abandoning'

export type Action = 'follow' | 'compare' | 'switch' | 'back' | 'finish' | 'abandon'

export type Role = 'old' | 'new'

interface StateFacts {
  /** Which side the changes come from, while they are followed. */
  readonly source: Role | undefined
  readonly allows: readonly Action[]
  /** What holds in this state, for whoever reads it on a bad day. */
  readonly holds: string
  /** What comes next on the path. */
  readonly next: Action
}

export const states: Readonly<Record<State, StateFacts>> = {
  filling: {
    source: undefined,
    allows: ['follow', 'abandon'],
    holds:
      'The old tables are written as ever. The new ones are being filled from a snapshot and refuse writes; a fill that is interrupted begins again.',
    next: 'follow',
  },
  following: {
    source: 'old',
    allows: ['follow', 'compare', 'switch', 'abandon'],
    holds: 'The old tables are written as ever. The new ones follow them and refuse writes.',
    next: 'compare',
  },
  switching: {
    source: 'old',
    allows: ['follow', 'switch', 'abandon'],
    holds:
      'The old tables refuse writes, or are about to, until the new ones have everything; then the new ones are opened. If that is not done in time, whoever follows opens the old ones again.',
    next: 'switch',
  },
  switched: {
    source: 'new',
    allows: ['follow', 'compare', 'back', 'finish'],
    holds: 'The new tables are written. The old ones follow them and refuse writes, so that the way back is open.',
    next: 'finish',
  },
  returning: {
    source: 'new',
    allows: ['follow', 'back'],
    holds:
      'The new tables refuse writes until the old ones have everything; then the old ones are opened. If that is not done in time, whoever follows opens the new ones again.',
    next: 'back',
  },
  reopening: {
    source: undefined,
    allows: ['follow', 'back'],
    holds: 'The new tables refuse writes, and the old ones, which have everything, are about to be opened.',
    next: 'back',
  },
  finishing: {
    source: undefined,
    allows: ['finish'],
    holds:
      'The new tables are written. The old ones refuse writes and follow no more; what was made for it is being removed.',
    next: 'finish',
  },
  abandoning: {
    source: undefined,
    allows: ['abandon'],
    holds: 'The old tables are written as ever, or will be at once. What was made for the extraction is being removed.',
    next: 'abandon',
  },
}
