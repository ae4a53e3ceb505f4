import type { Operation } from 'tidings/protocol'

/** What the operations answer, as JSON Schemas of the description of the API. */
export type JsonSchemaObject = Readonly<Record<string, unknown>>

const text = { type: 'string' }
const whole = { type: 'integer', minimum: 0 }
const flag = { type: 'boolean' }
const position = { $ref: '#/components/schemas/Position' }
const event = { $ref: '#/components/schemas/CloudEvent' }
const filter = { $ref: '#/components/schemas/Filter' }
const attributeTexts = { type: 'object', minProperties: 1, additionalProperties: { type: 'string', minLength: 1 } }

/** An object whose members are all there, but for those whose name ends in `?`. More may be added to it later. */
function members(properties: JsonSchemaObject): JsonSchemaObject {
  const names = Object.keys(properties)
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name.replace('?', ''), properties[name]])),
    required: names.filter((name) => !name.endsWith('?')),
  }
}

function listOf(items: JsonSchemaObject): JsonSchemaObject {
  return { type: 'array', items }
}

function oneOf(...values: readonly string[]): JsonSchemaObject {
  return { enum: values }
}

/** What became of one position of a request. */
function positionAnswer(done: string): JsonSchemaObject {
  return members({ position, status: oneOf(done, 'refused'), 'code?': text, 'message?': text })
}

const pause = members({ at: whole, by: text })

export const componentSchemas: Readonly<Record<string, JsonSchemaObject>> = {
  Problem: members({
    type: text,
    title: text,
    status: whole,
    detail: text,
    code: text,
    retryable: flag,
    'details?': { type: 'object' },
  }),
  Position: { type: 'string', description: 'Opaque; positions of one topic are ordered, by the broker only.' },
  CloudEvent: members({
    specversion: { const: '1.0' },
    id: text,
    source: text,
    type: text,
    'data?': true,
    'data_base64?': text,
  }),
  Topic: members({
    topic: text,
    kind: oneOf('entity', 'event', 'task'),
    owner: text,
    'schemas?': { type: 'object' },
    'replies?': flag,
    'retention?': members({
      'maxAgeMs?': whole,
      'maxEvents?': whole,
      'maxBytes?': whole,
      'tombstonesMs?': whole,
      'overtakes?': flag,
    }),
    'held?': members({ subscription: text, events: whole, oldestMs: whole }),
    'overtaken?': listOf(members({ subscription: text, events: whole, since: whole })),
    shards: whole,
    head: position,
    deduplication: members({ ids: whole, maxIds: whole, maxAgeMs: whole }),
    'continues?': listOf(members({ incarnation: text, through: whole })),
  }),
  Filter: {
    ...members({
      'types?': { ...listOf(text), minItems: 1, maxItems: 100 },
      'exact?': attributeTexts,
      'prefix?': attributeTexts,
      'suffix?': attributeTexts,
      'all?': { ...listOf(filter), minItems: 1 },
      'any?': { ...listOf(filter), minItems: 1 },
      'not?': filter,
    }),
    description: 'Whatever stands here holds; "types" at the top only. The dialects are those of CloudEvents.',
  },
  Subscription: members({
    subscription: text,
    topic: text,
    filter,
    policy: members({
      onDeadLetter: oneOf('park', 'supersede', 'continue'),
      retry: { type: 'object' },
      delayMs: { type: 'number' },
      'coalesce?': members({ intervalMs: { type: 'number' }, 'urgent?': filter }),
      'priorities?': { ...listOf(filter), minItems: 1, maxItems: 4 },
      'maxInFlight?': whole,
      'rate?': members({ perSecond: { type: 'number' }, burst: whole }),
      outage: members({ keys: whole, windowMs: whole, probeMs: whole }),
      'expiresAfterMs?': whole,
    }),
    generation: whole,
    floor: position,
    actions: listOf(text),
    watermark: whole,
    'paused?': pause,
    'seekRate?': members({ perSecond: { type: 'number' }, until: position }),
  }),
  Push: members({
    subscription: text,
    url: text,
    format: oneOf('structured', 'binary', 'batch'),
    timeoutMs: whole,
    secrets: whole,
    'secret?': text,
    setBy: text,
    state: oneOf('unconfirmed', 'active', 'disabled'),
    'reason?': text,
    since: whole,
    'failingSince?': whole,
    retryForMs: whole,
    'requestsPerMinute?': whole,
    'lastSuccessAt?': whole,
    'lastFailure?': members({ at: whole, reason: text }),
  }),
  PositionedEvent: members({ position, appendedAt: whole, event }),
  HistoricEvent: members({ position, appendedAt: whole, event, 'stale?': flag, 'erased?': flag }),
  Delivery: members({
    lease: text,
    position,
    appendedAt: whole,
    generation: whole,
    attempt: whole,
    'priority?': whole,
    'replay?': oneOf('skip', 'run', 'missing'),
    event,
  }),
  DeadLetter: members({
    position,
    reason: text,
    attempts: whole,
    at: whole,
    parked: whole,
    'replaced?': { $ref: '#/components/schemas/Replacement' },
    event,
  }),
  Redrive: members({
    redrive: text,
    by: text,
    startedAt: whole,
    'endedAt?': whole,
    filter: { type: 'object' },
    'perSecond?': { type: 'number' },
    canary: flag,
    status: oneOf('running', 'done', 'stopped'),
    'reason?': text,
    redriven: whole,
    edited: whole,
  }),
  Replacement: members({ edit: whole, by: text, at: whole }),
  PublishAnswer: members({
    status: oneOf('stored', 'duplicate', 'refused'),
    'position?': position,
    'stale?': flag,
    'code?': text,
    'message?': text,
    'id?': text,
    'source?': text,
  }),
  SettleAnswer: members({ lease: text, status: oneOf('settled', 'refused'), 'code?': text, 'message?': text }),
  ScheduledEvent: members({ position, at: whole, event }),
  DiscardAnswer: positionAnswer('discarded'),
  CancelAnswer: positionAnswer('cancelled'),
  RedriveAnswer: positionAnswer('redriven'),
  Schedule: members({
    schedule: text,
    topic: text,
    expression: text,
    timeZone: text,
    catchUp: oneOf('newest', 'all'),
    event: members({ type: text, 'data_base64?': text }),
    'next?': whole,
    'last?': whole,
    'refused?': members({ at: whole, message: text }),
  }),
  Stats: members({
    subscription: text,
    topic: text,
    generation: whole,
    floor: position,
    head: position,
    ...Object.fromEntries(
      [
        'acknowledged',
        'filtered',
        'superseded',
        'skipped',
        'discarded',
        'dead',
        'carried',
        'pending',
        'ready',
        'leased',
        'retrying',
        'waiting',
        'parked',
        'scheduled',
        'oldestPendingMs',
        'consumers',
      ].map((name) => [name, whole]),
    ),
    'paused?': pause,
    'outage?': members({ class: text, since: whole, failures: whole }),
  }),
  Explanation: members({
    position,
    state: text,
    actions: listOf(text),
    'replaced?': { $ref: '#/components/schemas/Replacement' },
  }),
}

function component(name: string): JsonSchemaObject {
  return { $ref: `#/components/schemas/${name}` }
}

/** By operation; what is not named answers nothing. */
export const answerSchemas: Partial<Record<Operation, JsonSchemaObject>> = {
  topics: members({ topics: listOf(component('Topic')) }),
  putTopic: component('Topic'),
  topic: component('Topic'),
  publish: { anyOf: [component('PublishAnswer'), members({ results: listOf(component('PublishAnswer')) })] },
  read: members({ events: listOf(component('PositionedEvent')), until: position, head: position }),
  latest: members({ events: listOf(component('PositionedEvent')), from: position, until: position, 'next?': text }),
  history: members({ events: listOf(component('HistoricEvent')), 'next?': position, 'trimmed?': position }),
  erase: members({ erased: whole }),
  producer: members({ producer: { anyOf: [{ type: 'null' }, members({ epoch: whole, counter: whole })] } }),
  schedules: members({ schedules: listOf(component('Schedule')) }),
  putSchedule: component('Schedule'),
  subscriptions: members({ subscriptions: listOf(component('Subscription')) }),
  putSubscription: component('Subscription'),
  subscription: component('Subscription'),
  putPush: component('Push'),
  push: component('Push'),
  resumePush: component('Push'),
  pull: members({ generation: whole, floor: position, deliveries: listOf(component('Delivery')) }),
  settle: members({ results: listOf(component('SettleAnswer')) }),
  renew: members({ results: listOf(component('SettleAnswer')) }),
  wake: members({ woken: whole }),
  seek: component('Subscription'),
  previewSeek: members({
    subscription: text,
    after: position,
    events: whole,
    again: whole,
    deadLetters: whole,
    leftOut: whole,
  }),
  pause: component('Subscription'),
  resume: component('Subscription'),
  deadLetters: members({ deadLetters: listOf(component('DeadLetter')), 'next?': position }),
  redrive: members({ results: listOf(component('RedriveAnswer')) }),
  redrives: members({ redrives: listOf(component('Redrive')) }),
  startRedrive: component('Redrive'),
  previewRedrive: members({ subscription: text, deadLetters: whole, edited: whole, positions: listOf(position) }),
  stopRedrive: component('Redrive'),
  replace: members({ position, replaced: component('Replacement') }),
  discard: members({ results: listOf(component('DiscardAnswer')) }),
  scheduled: members({ scheduled: listOf(component('ScheduledEvent')), 'next?': text }),
  cancel: members({ results: listOf(component('CancelAnswer')) }),
  stats: component('Stats'),
  explain: component('Explanation'),
}
