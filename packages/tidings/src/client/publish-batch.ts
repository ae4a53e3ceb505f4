import type { Caller } from '../broker/port/broker.ts'
import type { PublishAnswer, PublishRequest } from '../broker/port/events.ts'
import { TidingsError } from '../errors.ts'
import { encodeFrame } from '../protocol/index.ts'
import type { Http } from './http.ts'

/** Publishes events in one request, and requires an answer to each. */
export async function publishBatch(
  http: Http,
  caller: Caller,
  { topic, events }: PublishRequest,
): Promise<readonly PublishAnswer[]> {
  const { results } = await http.call<{ readonly results: readonly PublishAnswer[] }>('publish', caller, {
    names: { topic },
    body: encodeFrame({ events }),
  })
  if (results.length === events.length) return results
  throw new TidingsError(
    'protocol-violation',
    `The server answered ${results.length} of ${events.length} published events; it is no Tidings server, or another version.`,
  )
}
