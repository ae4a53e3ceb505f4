import { protocolLimits } from 'tidings/protocol'

/** What a server takes from its clients. */
export interface ServerLimits {
  /** Of one request or one message of a WebSocket. */
  readonly bodyBytes: number
  /** Of the payloads in one answer; at least one event is always sent. */
  readonly answerBytes: number
  /** How long a client may take to send its headers, and its whole request. */
  readonly headersMs: number
  readonly requestMs: number
  /** How often a WebSocket must show a sign of life; three times this without one, and it is closed. */
  readonly pingIntervalMs: number
  /** How long a client may take nothing of its answer before its connection is closed. */
  readonly stalledMs: number
  readonly connections: number
}

export const defaultLimits: ServerLimits = {
  bodyBytes: protocolLimits.bodyBytes,
  answerBytes: protocolLimits.bodyBytes,
  headersMs: 10_000,
  requestMs: 30_000,
  pingIntervalMs: protocolLimits.pingIntervalMs,
  stalledMs: 30_000,
  connections: 10_000,
}
