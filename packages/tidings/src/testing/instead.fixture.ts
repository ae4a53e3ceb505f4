import type { Broker } from '../broker/port/broker.ts'

/** A broker with some of its methods replaced. */
export function instead(broker: Broker, methods: Partial<Broker>): Broker {
  return new Proxy(broker, {
    get: (target, name: keyof Broker) => (methods[name] ?? target[name]).bind(target),
  })
}
