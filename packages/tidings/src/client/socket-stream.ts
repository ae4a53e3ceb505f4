import type { Delivery, DeliveryStream, StreamRequest } from '../broker/port/deliveries.ts'
import type { TidingsError } from '../errors.ts'
import type { Socket } from './socket.ts'

/** Opens a stream of deliveries over a WebSocket. */
export async function openSocketStream(socket: Socket, request: StreamRequest): Promise<DeliveryStream> {
  const { subscription, holder, leases, onDeliveries, onProgress, onClosed } = request
  let open = true
  let opened = false
  let endedEarly: TidingsError | undefined
  const abandon = (): void => {
    open = false
    socket.send({ type: 'abandon', stream })
    socket.removeStream(stream)
  }
  const stream = socket.addStream({
    onMessage(message) {
      if (!open) return
      try {
        if (message.type === 'deliveries') onDeliveries(message.deliveries satisfies readonly Delivery[])
        else if (message.type === 'progress') onProgress?.({ generation: message.generation, floor: message.floor })
      } catch (error) {
        // Whoever cannot take deliveries loses the stream, not the other streams of the socket.
        abandon()
        onClosed(error as Error)
      }
    },
    onClosed(reason) {
      if (!open) return
      open = false
      if (opened) onClosed(reason)
      else endedEarly = reason
    },
  })
  try {
    const answer = await socket.request({ type: 'open', stream, subscription, holder, ...(leases && { leases }) })
    if (endedEarly) throw endedEarly
    opened = true
    return {
      kept: (answer as { kept: readonly string[] }).kept,
      grant(credit) {
        if (open && credit > 0) socket.send({ type: 'grant', stream, credit })
      },
      async close() {
        if (!open) return
        open = false
        // When the socket ends before the answer, the deliveries return after the grace instead of at once.
        await socket.request({ type: 'close', stream }).catch(() => undefined)
        socket.removeStream(stream)
      },
      abandon() {
        if (open) abandon()
      },
    }
  } catch (error) {
    open = false
    socket.removeStream(stream)
    throw error
  }
}
