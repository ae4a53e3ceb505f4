import { TidingsError } from 'tidings'
import type { Broker } from 'tidings/broker'

const own: ReadonlySet<string | symbol> = new Set(['start', 'stop', Symbol.asyncDispose])

/**
 * The same broker for as long as its server is sure to lead. One that was paused, or cut off from its store, may have been
 * replaced: it hands nothing out from its memory that another one has handed out since, and takes nothing.
 */
export function whileSure(broker: Broker, isSure: () => boolean): Broker {
  const ensure = (): void => {
    if (!isSure()) throw unsure()
  }
  const stream: Broker['stream'] = async (caller, request) => {
    const opened = await broker.stream(caller, {
      ...request,
      onDeliveries(deliveries) {
        if (isSure()) return request.onDeliveries(deliveries)
        opened.abandon()
        request.onClosed(unsure())
      },
    })
    return opened
  }
  return new Proxy(broker, {
    get(target, name: keyof Broker) {
      const method: unknown = name === 'stream' ? stream : target[name]
      if (typeof method !== 'function') return method
      if (own.has(name)) return method.bind(target) as unknown
      return async (...values: unknown[]): Promise<unknown> => {
        ensure()
        const answer: unknown = await method.apply(target, values)
        ensure()
        return answer
      }
    },
  })
}

function unsure(): TidingsError {
  return new TidingsError(
    'unavailable',
    'This server does not know at present whether it still leads, because its store has not answered for some seconds; whether it was done is unknown, try again.',
  )
}
