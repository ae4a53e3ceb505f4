/** Something that a person should know: a line for the log, an alarm when it is an error. */
export interface Notice {
  readonly level: 'info' | 'warning' | 'error'
  /** What happened, where, and what to do next. */
  readonly message: string
  readonly error?: unknown
  /** Names and ids: subscription, replica, key … */
  readonly details?: Readonly<Record<string, unknown>>
}

export type Report = (notice: Notice) => void
