import { crc32 } from 'node:zlib'
import { encodeEvent, type Event } from 'tidings/event'
import { closedLoop } from '../house/loops.ts'
import { payloadOf } from '../house/payload.ts'

export interface ThreadRun {
  readonly bytes: number
  readonly messages: number
}

/** Messages a second that are encoded and checksummed, with 1,024 promises under way. */
export async function codecPerSecond({ bytes, messages }: ThreadRun): Promise<number> {
  const { seconds } = await closedLoop({ messages, window: 1_024 }, (number) => {
    const checksum = crc32(encodeEvent(eventOf(number, bytes)))
    return new Promise((resolve) => resolve(checksum))
  })
  return messages / seconds
}

function eventOf(number: number, bytes: number): Event {
  return {
    id: `e${number}`,
    source: '/bench',
    type: 'bench.thing.updated',
    key: `k${number % 10_000}`,
    time: '2030-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    data: payloadOf({ producer: 0, number }, bytes),
  }
}

export async function jsonPerSecond(run: ThreadRun & { readonly direction: 'parse' | 'stringify' }): Promise<number> {
  const texts = Array.from({ length: 64 }, (_, number) => payloadOf({ producer: 0, number }, run.bytes).toString())
  const values = texts.map((text) => JSON.parse(text) as object)
  const start = performance.now()
  let seen = 0
  for (let number = 0; number < run.messages; number++) {
    const place = number % texts.length
    if (run.direction === 'parse') seen += Object.keys(JSON.parse(texts[place]!) as object).length
    else seen += JSON.stringify(values[place]).length
  }
  if (seen === 0) throw new Error('JSON gave nothing.')
  return (run.messages * 1_000) / (performance.now() - start)
}
