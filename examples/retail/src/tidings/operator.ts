import { call } from '../process/http.ts'

export interface SubscriptionFigures {
  readonly subscription: string
  readonly topic: string
  readonly floor: string
  readonly head: string
  readonly pending: number
  readonly ready: number
  readonly leased: number
  readonly retrying: number
  readonly waiting: number
  readonly parked: number
  readonly dead: number
}

/** What an operator asks the server, over its HTTP API. */
export class Operator {
  readonly #url: () => string

  constructor(url: () => string) {
    this.#url = url
  }

  async subscriptions(): Promise<readonly SubscriptionFigures[]> {
    const { subscriptions } = (await this.#get('/subscriptions')) as { subscriptions: { subscription: string }[] }
    return Promise.all(
      subscriptions.map(({ subscription }) => this.#get(`/subscriptions/${subscription}/stats`)),
    ) as Promise<SubscriptionFigures[]>
  }

  /** The payloads of all events of a topic. */
  async payloads<Payload>(topic: string): Promise<Payload[]> {
    const payloads: Payload[] = []
    let after = 'beginning'
    for (;;) {
      const page = (await this.#get(`/topics/${topic}/events?limit=1000&after=${after}`)) as {
        events: { event: { data: Payload } }[]
        until: string
        head: string
      }
      payloads.push(...page.events.map(({ event }) => event.data))
      if (page.until === page.head) return payloads
      after = page.until
    }
  }

  async #get(path: string): Promise<unknown> {
    const { status, body } = await call('GET', `${this.#url()}/v1/default${path}`)
    if (status !== 200) throw new Error(`GET ${path} was answered ${status}: ${JSON.stringify(body)}`)
    return body
  }
}
