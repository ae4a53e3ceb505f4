import { TidingsError } from '../errors.ts'
import { formatPosition, type Event } from '../event/index.ts'
import { Refused, type AppendAnswer, type AppendRequest, type Engine, type TopicId } from '../engine/index.ts'
import type { Catalog, StoredTopic } from './catalog.ts'
import { checkEvent, type CheckPayload, type CompileSchema, type EventRules } from './check-event.ts'
import type { PublishAnswer, PublishedEvent } from './port/events.ts'
import type { JsonSchema } from './port/topics.ts'
import { checkReplyTo, findReplyTopics } from './reply-topics.ts'
import { shardOf } from './shard-of.ts'

/** Takes events into one topic's log: checks each, gives it its shard, tells what became of it. */
export class Publisher {
  readonly topic: StoredTopic
  readonly #engine: Engine
  readonly #id: TopicId
  readonly #incarnation: string
  readonly #rules: EventRules
  readonly #catalog: Catalog

  constructor(options: {
    engine: Engine
    id: TopicId
    topic: StoredTopic
    catalog: Catalog
    incarnation: string
    maxPayloadBytes: number
    compileSchema: CompileSchema | undefined
  }) {
    this.topic = options.topic
    this.#catalog = options.catalog
    this.#engine = options.engine
    this.#id = options.id
    this.#incarnation = options.incarnation
    const rules = compileChecks(options.topic, options.compileSchema)
    this.#rules = {
      topic: options.topic.topic,
      kind: options.topic.kind,
      maxPayloadBytes: options.maxPayloadBytes,
      ...rules,
    }
  }

  /** `own`: the broker itself publishes on somebody's behalf, as one of the producers that nobody else may be. */
  async publish(
    events: readonly PublishedEvent[],
    publisher: { readonly principal: string; readonly own?: true },
  ): Promise<readonly PublishAnswer[]> {
    if (this.topic.kind === 'task' && this.#engine.capabilities.shared) {
      await findReplyTopics(
        this.#catalog,
        events.map(({ event }) => event),
      )
    }
    const answers: (PublishAnswer | undefined)[] = []
    const requests: AppendRequest[] = []
    const refused = new Refused()
    for (const { event, producer } of events) {
      const request: AppendRequest = {
        event,
        shard: shardOf(event, this.topic.shards),
        ...(producer ? { producer } : {}),
      }
      const refusal = this.#refusal(request, refused, publisher)
      answers.push(refusal)
      if (refusal) refused.add(request)
      else requests.push(request)
    }
    const appended = requests.length === 0 ? [] : await this.#engine.log.append(this.#id, requests)
    let next = 0
    return answers.map((answer) => answer ?? this.#answer(appended[next++]!))
  }

  /** Throws for an event that this topic must not hold. */
  check(event: Event): void {
    checkEvent(event, this.#rules)
  }

  #refusal(
    request: AppendRequest,
    refused: Refused,
    { principal, own = false }: { readonly principal: string; readonly own?: boolean },
  ): PublishAnswer | undefined {
    if (refused.covers(request)) {
      return {
        status: 'refused',
        code: 'behind-refused',
        message:
          'An earlier event of the same key or producer in the same call was refused; publish this one again after it.',
      }
    }
    if (!own && request.producer?.id.startsWith('$')) {
      const message = `The producer id "${request.producer.id}" is one of the broker's own; choose one without "$" before it.`
      return { status: 'refused', code: 'forbidden', message }
    }
    if (!own && this.topic.replies) {
      const message = `${this.topic.topic} takes answers to tasks, and only the broker appends these; publish to another topic.`
      return { status: 'refused', code: 'forbidden', message }
    }
    try {
      checkEvent(request.event, this.#rules)
      if (this.topic.kind === 'task') {
        checkReplyTo(request.event, principal, (name) => this.#catalog.known('topic', name))
      }
      return undefined
    } catch (error) {
      if (error instanceof TidingsError) return { status: 'refused', code: error.code, message: error.message }
      throw error
    }
  }

  #answer(answer: AppendAnswer): PublishAnswer {
    if (answer.status === 'refused') return answer
    if (answer.offset === undefined) return { status: 'duplicate' }
    const position = formatPosition(this.#incarnation, answer.offset)
    if (answer.status === 'duplicate') return { status: 'duplicate', position }
    return answer.stale ? { status: 'stored', position, stale: true } : { status: 'stored', position }
  }
}

function compileChecks(
  { topic, schemas, versions = {} }: StoredTopic,
  compile: CompileSchema | undefined,
): Pick<EventRules, 'checks' | 'versions'> {
  if (!schemas || !compile) return {}
  const check = (type: string, schema: JsonSchema): CheckPayload => {
    try {
      return compile(schema)
    } catch (error) {
      throw new TidingsError(
        'bad-request',
        `The schema of ${type} in topic ${topic} is not a valid JSON Schema: ${(error as Error).message}`,
        { details: { topic, type }, cause: error },
      )
    }
  }
  const ofVersions = Object.entries(versions).map(([type, each]) => {
    const checks = Object.entries(each).map(([version, schema]) => [Number(version), check(type, schema)] as const)
    return [type, new Map(checks)] as const
  })
  return {
    checks: new Map(Object.entries(schemas).map(([type, schema]) => [type, check(type, schema)])),
    ...(ofVersions.length > 0 && { versions: new Map(ofVersions) }),
  }
}
