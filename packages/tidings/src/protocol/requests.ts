import { filter } from './filter-shape.ts'
import {
  attribute,
  base64,
  boolean,
  either,
  integer,
  integerText,
  jsonSchema,
  list,
  number,
  object,
  oneOf,
  optional,
  payload,
  record,
  text,
} from './shape.ts'
import { protocolLimits as limits } from './version.ts'

/** The shapes of what clients ask for, in HTTP bodies and queries and in messages of the WebSocket alike. */

const name = text({ maxLength: 200 })
const position = text({ maxLength: 100 })
const lease = text({ maxLength: 500 })
const reason = text({ maxLength: 10_000 })
const laterMs = optional(number(0, 31_536_000_000))
const leaseMs = integer(limits.shortestLeaseMs, limits.longestLeaseMs)
const counter = integer(0, Number.MAX_SAFE_INTEGER)
const pageLimit = optional(integerText(1, limits.events))
/** `base64` keeps payloads from every JSON parser. */
const data = optional(oneOf('base64'))
const effects = oneOf('skip', 'run', 'missing')

export const serviceBody = object({ database: name, replace: optional(boolean()) })

const bound = optional(integer(1, Number.MAX_SAFE_INTEGER))
const retention = object({
  maxAgeMs: bound,
  maxEvents: bound,
  maxBytes: bound,
  tombstonesMs: bound,
  overtakes: optional(boolean()),
})
export const topicBody = object({
  kind: oneOf('entity', 'event', 'task'),
  owner: name,
  schemas: optional(record(jsonSchema(), 1_000)),
  replies: optional(boolean()),
  shards: optional(integer(1, 4_096)),
  retention: optional(either(oneOf('none'), retention)),
})

const compatibility = optional(
  object({
    mode: optional(
      oneOf('none', 'backward', 'forward', 'full', 'backward-transitive', 'forward-transitive', 'full-transitive'),
    ),
    policy: optional(oneOf('lenient', 'strict')),
  }),
)
const description = optional(text({ maxLength: 10_000 }))
const schemaVersion = optional(integer(1, Number.MAX_SAFE_INTEGER))
/** Of what a service publishes and accepts. */
export const contractBody = object({
  description,
  compatibility,
  topics: list(
    object({
      topic: name,
      kind: oneOf('entity', 'event', 'task'),
      description,
      key: optional(text({ maxLength: 500 })),
      replies: optional(boolean()),
      compatibility,
      types: list(
        object({
          type: text({ maxLength: 2_048 }),
          description,
          version: schemaVersion,
          oldestVersion: schemaVersion,
          schema: optional(jsonSchema()),
          result: optional(jsonSchema()),
        }),
        100,
      ),
    }),
    1_000,
  ),
  acceptUndecided: optional(boolean()),
})
export const needsBody = object({
  needs: list(
    object({
      topic: name,
      consumer: name,
      as: oneOf('replica', 'handler'),
      fields: list(text(), 10_000),
      observed: boolean(),
    }),
    100,
  ),
})

/** The attributes of a plain publish. */
export const publishQuery = object({
  id: optional(text()),
  source: optional(text()),
  type: optional(text()),
  key: optional(text()),
  subject: optional(text()),
})

/** One element of a published frame, beside its event. */
export const producerStamp = object({ id: name, epoch: counter, counter })

export const readQuery = object({ after: optional(position), limit: pageLimit, data })
export const historyBody = object({
  keys: list(text(), 100),
  scan: optional(integer(0, 100_000)),
  before: optional(position),
  data,
})
export const repairBody = object({
  repairs: list(object({ key: text(), cause: name, action: name }), 100),
})
export const eraseBody = object({ key: text() })
const someTexts = optional(either(text(), list(text(), 100)))
export const followQuery = object({
  after: optional(position),
  /** Each may be given several times. */
  type: someTexts,
  key: someTexts,
  correlationid: someTexts,
  /** A filter of the documented form in JSON, instead of those. */
  filter: optional(text({ maxLength: 65_536 })),
  data,
})
export const followFields = { topic: name, after: optional(position), filter: optional(filter()) }
export const latestQuery = object({ cursor: optional(text()), limit: pageLimit, data })

const delayMs = integer(0, 31_536_000_000)
export const subscriptionBody = object({
  topic: name,
  from: position,
  filter: optional(filter()),
  policy: optional(
    object({
      onDeadLetter: optional(oneOf('park', 'supersede', 'continue')),
      retry: optional(
        object({
          quickDelaysMs: optional(list(delayMs, 100)),
          minDelayMs: optional(delayMs),
          maxDelayMs: optional(delayMs),
          maxAttempts: optional(integer(1, 1_000_000)),
        }),
      ),
      delayMs: optional(delayMs),
      coalesce: optional(object({ intervalMs: number(0, 86_400_000), urgent: optional(filter()) })),
      priorities: optional(list(filter(), 4)),
      maxInFlight: optional(integer(1, 1_000_000)),
      rate: optional(object({ perSecond: number(0.0001, 1_000_000), burst: optional(integer(1, 1_000_000)) })),
      outage: optional(
        object({
          keys: optional(integer(2, 1_000)),
          windowMs: optional(integer(1_000, 86_400_000)),
          probeMs: optional(integer(10, 3_600_000)),
        }),
      ),
      expiresAfterMs: optional(integer(1_000, 31_536_000_000)),
    }),
  ),
})

const template = object({
  type: text(),
  key: optional(text()),
  subject: optional(text()),
  datacontenttype: optional(text()),
  dataschema: optional(text()),
  extensions: optional(record(attribute(), 100)),
  data_base64: optional(payload()),
})

export const scheduleBody = object({
  topic: name,
  expression: text({ maxLength: 300 }),
  timeZone: optional(text({ maxLength: 100 })),
  catchUp: optional(oneOf('newest', 'all')),
  event: template,
})

export const pullBody = object({
  max: optional(integer(1, limits.events)),
  waitMs: optional(integer(0, limits.waitMs)),
  leaseMs: optional(leaseMs),
  data,
})

const outcomes = list(
  object({
    lease,
    action: oneOf('ack', 'refuse', 'retry', 'dead-letter', 'wait', 'release'),
    result: optional(object({ datacontenttype: optional(text()), data_base64: optional(base64()) })),
    reason: optional(reason),
    afterMs: laterMs,
    outage: optional(text({ maxLength: 100 })),
  }),
  limits.events,
)
export const settleFields = { outcomes, watermark: optional(counter) }
export const renewFields = { leases: list(lease, limits.events), leaseMs }
export const settleBody = object(settleFields)
export const renewBody = object(renewFields)
export const heldLeases = list(lease, 100_000)

/** Of a URL and of what it takes to send to it; the secrets are given here, made by the server, or changed. */
export const pushBody = object({
  url: text({ maxLength: 2_000 }),
  format: optional(oneOf('structured', 'binary', 'batch')),
  timeoutMs: optional(integer(100, 60_000)),
  secrets: optional(either(oneOf('rotate'), list(text({ maxLength: 100 }), 2))),
})

export const seekBody = object({
  to: either(position, object({ time: integer(0, Number.MAX_SAFE_INTEGER) })),
  effects: optional(effects),
  perSecond: optional(number(0, 1_000_000)),
})
/** Of a request that says everything with its path. */
export const emptyBody = object({})
export const deadLettersQuery = object({ after: optional(position), limit: pageLimit, data })
const edit = integer(0, 1_000_000)
export const redriveBody = object({
  positions: either(oneOf('all'), list(position, limits.events)),
  edit: optional(edit),
})
const milliseconds = integer(0, Number.MAX_SAFE_INTEGER)
export const startRedriveBody = object({
  filter: optional(
    object({
      type: optional(text({ maxLength: 2_048 })),
      key: optional(text({ maxLength: 512 })),
      reason: optional(reason),
      after: optional(milliseconds),
      before: optional(milliseconds),
    }),
  ),
  perSecond: optional(number(0, 1_000_000)),
  canary: optional(boolean()),
})
export const replaceQuery = object({ edit: optional(integerText(0, 1_000_000)) })
export const positionsBody = object({ positions: list(position, limits.events) })
export const scheduledQuery = object({ cursor: optional(text()), limit: pageLimit, data })
export const explainQuery = object({ position: optional(position), source: optional(text()), id: optional(text()) })
