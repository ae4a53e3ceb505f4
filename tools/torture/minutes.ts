/** For how long one torture may go on, in milliseconds. */
export function tortureMs(): number {
  return Number(process.env.TIDINGS_TORTURE_MINUTES ?? 1) * 60_000
}

/** The seed that a torture begins with: that of `--seed`, or another one each time. */
export function firstSeed(): number {
  const given = process.env.TIDINGS_TORTURE_SEED
  return given === undefined ? Date.now() % 1e9 : Number(given)
}
