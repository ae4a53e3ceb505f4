/** For how long one torture may go on, in milliseconds. */
export function tortureMs(): number {
  return Number(process.env.TIDINGS_TORTURE_MINUTES ?? 1) * 60_000
}
