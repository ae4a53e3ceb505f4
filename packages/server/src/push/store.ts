import { TidingsError } from 'tidings'
import type { Engine } from 'tidings/engine'
import type { PushFormat } from './message.ts'

/** What is known of the push of one subscription, secrets included: it never leaves the server as it is. */
export interface StoredPush {
  readonly subscription: string
  /** Who set it: its deliveries are taken on this one's behalf, and end when this one may not take them any more. */
  readonly principal: string
  readonly url: string
  readonly format: PushFormat
  readonly timeoutMs: number
  /** One, or two while the receiver changes from the second to the first. */
  readonly secrets: readonly string[]
  readonly state: 'unconfirmed' | 'active' | 'disabled'
  /** Why it is not active. */
  readonly reason?: string
  /** When it came into its state. All times are milliseconds since 1970. */
  readonly since: number
  /** The first failure after the last success. */
  readonly failingSince?: number
  /** What the endpoint agreed to, where it set a limit. */
  readonly requestsPerMinute?: number
}

const formatVersion = 1
const pageSize = 1_000
const attempts = 20

/**
 * The pushes of one namespace, in a ledger beside those of the subscriptions. Its name is none that a subscription can
 * have.
 */
export class PushStore {
  readonly #ledger: Engine['ledger']
  readonly #id: { readonly namespace: string; readonly ledger: string; readonly shard: number }
  #writing: Promise<unknown> = Promise.resolve()

  constructor({ ledger }: Pick<Engine, 'ledger'>, namespace: string) {
    this.#ledger = ledger
    this.#id = { namespace, ledger: '$push', shard: 0 }
  }

  async load(): Promise<readonly StoredPush[]> {
    const found: StoredPush[] = []
    let from = ''
    for (;;) {
      const page = await this.#ledger.load(this.#id, { from }, pageSize)
      for (const { key, value } of page) found.push(read(key, value))
      const last = page.at(-1)
      if (!last || page.length < pageSize) return found
      from = `${last.key}!`
    }
  }

  save(push: StoredPush): Promise<void> {
    return this.#write(push.subscription, JSON.stringify({ v: formatVersion, ...push }))
  }

  remove(subscription: string): Promise<void> {
    return this.#write(subscription, null)
  }

  /** Resolves when nothing is being written any more. */
  async written(): Promise<void> {
    await this.#writing
  }

  /** One after another, in the order of the calls; the last one stays. */
  #write(subscription: string, value: string | null): Promise<void> {
    const written = this.#writing.then(() => this.#commit(`push/${subscription}`, value))
    this.#writing = written.catch(() => undefined)
    return written
  }

  async #commit(key: string, value: string | null): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const ownership = await this.#ledger.own(this.#id)
      try {
        return await this.#ledger.commit(ownership, [{ key, value }])
      } catch (error) {
        if (error instanceof TidingsError && error.code === 'ownership-lost' && attempt < attempts) continue
        throw error
      }
    }
  }
}

function read(key: string, value: string): StoredPush {
  const { v, ...push } = JSON.parse(value) as { v: number } & StoredPush
  if (v === formatVersion) return push
  throw new TidingsError(
    'store-version',
    `${key} was written in format ${v}; this version of Tidings reads format ${formatVersion}. Use a newer version.`,
  )
}
