import type { Position } from '../event/index.ts'
import type { TidingsError } from '../errors.ts'
import type { FollowRequest } from '../broker/port/events.ts'
import type { LiveLine, LiveListeners } from './live.ts'
import type { Socket } from './socket.ts'

/** Follows a topic on a WebSocket until that ends. */
export async function openSocketLine(
  socket: Socket,
  { topic, filter }: FollowRequest,
  after: Position | undefined,
  listeners: LiveListeners,
): Promise<LiveLine> {
  let end: (reason: TidingsError) => void = () => undefined
  const ended = new Promise<TidingsError>((resolve) => (end = resolve))
  const stream = socket.addStream({
    onMessage(message) {
      if (message.type === 'events') {
        if (message.events.length > 0) void listeners.onEvents(message.events, message.until)
        else listeners.onProgress(message.until)
      }
      if (message.type === 'reset') {
        const { position, message: text } = message
        void listeners.onReset({ position, message: text })
      }
    },
    onClosed: end,
  })
  try {
    const place = { ...(after !== undefined && { after }), ...(filter && { filter }) }
    const answer = await socket.request({ type: 'follow', stream, topic, ...place })
    return {
      position: (answer as { position: Position }).position,
      ended,
      close() {
        socket.send({ type: 'abandon', stream })
        socket.removeStream(stream)
      },
    }
  } catch (error) {
    socket.removeStream(stream)
    throw error
  }
}
