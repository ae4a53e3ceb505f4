import type { Broker } from '../broker/port/broker.ts'
import type { DeliveryStream, StreamRequest } from '../broker/port/deliveries.ts'
import { TidingsError } from '../errors.ts'

/** The line between one consumer and its broker, which a test can break. */
export interface Line {
  /** The broker as the consumer sees it. */
  readonly broker: Broker
  /** Streams break, and calls are answered `unavailable` until `mend`. */
  cut(): void
  mend(): void
  /** As when the consumer's process is killed: its streams break, and it never hears of anything again. */
  sever(): void
}

/** Puts a line that can be broken between a consumer and `broker`. */
export function lineTo(broker: Broker): Line {
  let state: 'whole' | 'cut' | 'severed' = 'whole'
  const streams = new Map<StreamRequest, DeliveryStream | undefined>()

  const through = async <Answer>(call: () => Promise<Answer>): Promise<Answer> => {
    if (state === 'cut') throw unavailable()
    if (state === 'severed') return await never()
    try {
      return await call()
    } finally {
      if (isSevered()) await never()
    }
  }
  const isSevered = (): boolean => state === 'severed'
  const breakStreams = (): readonly StreamRequest[] => {
    const broken = [...streams.keys()]
    for (const stream of streams.values()) stream?.abandon()
    streams.clear()
    return broken
  }
  const openStream = async (...[caller, request]: Parameters<Broker['stream']>): Promise<DeliveryStream> => {
    streams.set(request, undefined)
    const stream = await broker.stream(caller, {
      ...request,
      onDeliveries: (deliveries) => streams.has(request) && request.onDeliveries(deliveries),
      onProgress: (progress) => streams.has(request) && request.onProgress?.(progress),
      onClosed: (reason) => streams.has(request) && request.onClosed(reason),
    })
    if (streams.has(request)) streams.set(request, stream)
    else stream.abandon()
    return stream
  }

  return {
    broker: new Proxy(broker, {
      get(target, name: keyof Broker) {
        if (name === 'stream') return (...call: Parameters<Broker['stream']>) => through(() => openStream(...call))
        const method = target[name] as (...call: unknown[]) => Promise<unknown>
        return (...call: unknown[]) => through(() => method.apply(target, call))
      },
    }),
    cut() {
      state = 'cut'
      for (const request of breakStreams()) request.onClosed(unavailable())
    },
    mend() {
      state = 'whole'
    },
    sever() {
      state = 'severed'
      breakStreams()
    },
  }
}

function unavailable(): TidingsError {
  return new TidingsError('unavailable', 'The line to the broker is cut.')
}

function never(): Promise<never> {
  return new Promise(() => {})
}
