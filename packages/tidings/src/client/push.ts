import type { Caller } from '../broker/port/broker.ts'
import type { PushDescription, PushRequest } from '../protocol/index.ts'
import { httpOptions, type ConnectOptions } from './connect.ts'
import { Http } from './http.ts'

/** Where a server pushes subscriptions to. Rejects as a broker's calls do, and with `push-unknown` where there is none. */
export interface PushOperator {
  /** Sets the URL of a subscription; a secret that is made for it stands in this answer and in no later one. */
  put(caller: Caller, request: PushRequest): Promise<PushDescription>
  describe(caller: Caller, subscription: string): Promise<PushDescription>
  /** Deliveries wait for consumers again. */
  remove(caller: Caller, subscription: string): Promise<void>
  /** Goes on with a push that is disabled, from where it ended. */
  resume(caller: Caller, subscription: string): Promise<PushDescription>
}

/** The push of a running server. Nothing is sent before the first call. */
export function connectPush(
  url: string,
  options: Pick<ConnectOptions, 'token' | 'fetch' | 'timeoutMs' | 'environment'> = {},
): PushOperator {
  const http = new Http(httpOptions(url, options))
  return {
    put: (caller, { subscription, ...body }) => http.call('putPush', caller, { names: { subscription }, body }),
    describe: (caller, subscription) => http.call('push', caller, { names: { subscription } }),
    async remove(caller, subscription) {
      await http.call('removePush', caller, { names: { subscription } })
    },
    resume: (caller, subscription) => http.call('resumePush', caller, { names: { subscription } }),
  }
}
