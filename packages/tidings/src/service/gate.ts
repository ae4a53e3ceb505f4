import type { Broker } from '../broker/port/broker.ts'
import { TidingsError } from '../errors.ts'

/** A broker that answers `unavailable` until the gate is opened. */
export interface Gate {
  readonly broker: Broker
  open(): void
}

/** Keeps what runs in a service away from the broker until that has accepted the service with this database. */
export function gateTo(broker: Broker, service: string): Gate {
  let isOpen = false
  const closed = async (): Promise<never> => {
    throw new TidingsError('unavailable', `The service ${service} is not registered with the broker yet.`)
  }
  return {
    broker: new Proxy(broker, {
      get: (target, name: keyof Broker) => (isOpen ? target[name].bind(target) : closed),
    }),
    open() {
      isOpen = true
    },
  }
}
