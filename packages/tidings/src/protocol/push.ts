import type { ValueOf } from './shape.ts'
import type { pushBody } from './requests.ts'

/** What a subscription is pushed by: see `PUT /subscriptions/{subscription}/push`. */
export type PushRequest = { readonly subscription: string } & ValueOf<typeof pushBody>

/** The push of one subscription. Times are milliseconds since 1970. */
export interface PushDescription {
  readonly subscription: string
  readonly url: string
  readonly format: 'structured' | 'binary' | 'batch'
  /** How long a receiver may take for one answer. */
  readonly timeoutMs: number
  /** How many secrets sign: two while the receiver changes to another one. */
  readonly secrets: number
  /** Where one was made by this very request: the only time that it is shown. */
  readonly secret?: string
  /** On whose behalf deliveries are taken. */
  readonly setBy: string
  /** `unconfirmed`: the endpoint has not agreed yet. `disabled`: nothing is sent until somebody resumes it. */
  readonly state: 'unconfirmed' | 'active' | 'disabled'
  /** Why it is not active. */
  readonly reason?: string
  /** When it came into its state. */
  readonly since: number
  /** The first failure after the last success. */
  readonly failingSince?: number
  /** After failing for so long without one success, it is disabled. */
  readonly retryForMs: number
  /** The rate that the endpoint agreed to, where it set one. */
  readonly requestsPerMinute?: number
  /** Since this server began with it. */
  readonly lastSuccessAt?: number
  readonly lastFailure?: { readonly at: number; readonly reason: string }
}
