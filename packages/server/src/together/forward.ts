import { connect, type Socket } from 'node:net'
import type { Environment } from 'tidings'
import type { Address } from './address.ts'
import type { Take } from './front.ts'

/** A machine that is gone says nothing, not even no. */
const connectMs = 3_000
const keepAliveMs = 10_000

/** What every process answers for itself, whoever leads. */
const ownRequest = Buffer.from('GET /health/live')

export interface ForwardOptions {
  readonly leader: Address
  readonly environment: Environment
  /** How long a client may take to ask for something. */
  readonly firstByteMs: number
  /** Takes what is for this process itself, and what the leader does not. */
  readonly take: Take
}

/** Carries connections to the leader, byte for byte, so that it answers as if its clients had called it. */
export function forwardTo(options: ForwardOptions): Take {
  const { environment, firstByteMs, take } = options
  return (connection) => {
    const end = (): void => void connection.destroy()
    const cancel = environment.timers.after(firstByteMs, end)
    connection.once('close', cancel).once('end', end)
    connection.once('data', (first: Buffer) => {
      cancel()
      connection.off('end', end).pause().unshift(first)
      if (first.subarray(0, ownRequest.length).equals(ownRequest)) handOver(connection, take)
      else forward(connection, options)
    })
  }
}

function forward(connection: Socket, { leader, environment, take }: ForwardOptions): void {
  const onward = connect({
    ...leader,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
  })
  const giveUp = (): void => {
    onward.destroy()
    if (!connection.destroyed) handOver(connection, take)
  }
  const cancel = environment.timers.after(connectMs, giveUp)
  onward.once('error', giveUp)
  connection.once('close', () => {
    cancel()
    onward.destroy()
  })
  onward.once('connect', () => {
    cancel()
    onward.off('error', giveUp)
    // An error is followed by the closing, and that of one side closes the other.
    onward.on('error', () => undefined)
    onward.once('close', () => connection.destroy())
    connection.pipe(onward)
    onward.pipe(connection)
  })
}

function handOver(connection: Socket, take: Take): void {
  take(connection)
  connection.resume()
}
