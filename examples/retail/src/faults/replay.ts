export interface ReplayOptions {
  /** Where the requests go, once they come. */
  readonly target: () => string
  readonly random: () => number
}

/** A proxy that does what networks, load balancers and clients with time-outs do: it says things twice. */
export interface ReplayProxy {
  readonly url: string
  /** What really went out a second time so far: requests, or deliveries. */
  replayed(): number
  /** Whether something waits to go out a second time. */
  busy(): boolean
  stop(): void
}

/** One of twenty is said twice. */
export const replayShare = 0.05
export const longestReplayDelayMs = 300
