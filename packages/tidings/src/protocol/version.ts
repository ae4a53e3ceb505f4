import { TidingsError } from '../errors.ts'

/** Raised when a message changes its meaning; what is merely added is a feature. */
export const protocolVersion = 1
/** The header that carries it in every answer. */
export const protocolHeader = 'tidings-protocol'
/** The header by which a caller names itself where there are no tokens. */
export const principalHeader = 'tidings-principal'
/** The content type of `encodeFrame`. */
export const frameType = 'application/vnd.tidings.frame'
export const problemType = 'application/problem+json'

/** What both ends hold each other to; a server may lower them by its options. */
export const protocolLimits = {
  /** Events in a publish, deliveries in a pull, outcomes in a settle. */
  events: 1_000,
  payloadBytes: 1_048_576,
  bodyBytes: 8_388_608,
  waitMs: 60_000,
  shortestLeaseMs: 1_000,
  longestLeaseMs: 43_200_000,
  pingIntervalMs: 5_000,
  /** Without a sign of life for so many ping intervals the other side is gone. */
  silentIntervals: 3,
} as const

/** Refuses a version that is not this one, saying which side is to be upgraded. */
export function checkVersion(version: unknown, other: 'client' | 'server'): void {
  if (String(version) === String(protocolVersion)) return
  const older = Number(version) < protocolVersion
  const side = older ? other : other === 'client' ? 'server' : 'client'
  throw new TidingsError(
    'protocol-version',
    `The ${other} speaks version ${String(version).slice(0, 20)} of the protocol, this side version ${protocolVersion}; upgrade the ${side}.`,
    { details: { version: protocolVersion } },
  )
}
