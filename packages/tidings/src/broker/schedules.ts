import { TidingsError } from '../errors.ts'
import type { Engine } from '../engine/index.ts'
import type { Environment } from '../environment/index.ts'
import type { StoredSchedule } from './catalog.ts'
import { newestDue, type NextDue } from './due-times.ts'
import type { Entrance } from './entrance.ts'
import type { Namespace } from './namespace.ts'
import type { Caller } from './port/broker.ts'
import type { ScheduleDefinition, ScheduleDescription } from './port/schedules.ts'
import { checkSchedule, checkScheduleName, eventOf, templateOf } from './schedule-form.ts'

/** How often the wall clock is looked at while a schedule waits: it may have been set, and other servers may have put one. */
const lookAgainMs = 5_000
/** A schedule that catches up with everything it missed publishes the newest so many. */
const mostMissed = 100

export interface SchedulesOptions {
  readonly engine: Engine
  readonly environment: Environment
  readonly namespace: Namespace
  readonly name: string
  readonly nextDue: NextDue | undefined
  readonly maxPayloadBytes: number
}

interface Refusal {
  readonly at: number
  readonly message: string
}

/**
 * The recurring schedules of one namespace. A schedule is a producer of its topic whose counter is the due time: the
 * topic's own log says what was published last, in the very commit that stored it. So nothing is published twice,
 * however late, and every server that shares the store may publish without asking the others.
 */
export class Schedules {
  readonly #options: SchedulesOptions
  /** What the topic refused last, by schedule; its due time is not tried again by this server. */
  readonly #refused = new Map<string, Refusal>()
  #publishing: Promise<void> | undefined
  #lookAgain = false
  #cancelTimer: () => void = () => undefined
  #stopped = false

  constructor(options: SchedulesOptions) {
    this.#options = options
  }

  // ------------------------------------------------------------------------------------------------------- definitions

  async put(entrance: Entrance, caller: Caller, definition: ScheduleDefinition): Promise<ScheduleDescription> {
    const { namespace, nextDue, environment, maxPayloadBytes } = this.#options
    entrance.allow(caller, 'define', { schedule: checkScheduleName(definition.schedule) })
    await entrance.topic(caller, 'publish', definition.topic)
    const topic = await namespace.topic(definition.topic)
    const stored = await namespace.catalog.change('schedule', definition.schedule, (present) => {
      const now = environment.clock.now()
      const next = checkSchedule(definition, { topic, nextDue, now, maxPayloadBytes })
      // What was due before another rhythm was put is not due in it; the same one put again goes on.
      return present && sameRhythm(present, next) ? { ...next, since: present.since } : next
    })
    this.#refused.delete(definition.schedule)
    this.look()
    return this.#describe(stored!)
  }

  async list(entrance: Entrance, caller: Caller): Promise<readonly ScheduleDescription[]> {
    const all = await this.#options.namespace.catalog.list('schedule')
    const visible = all.filter(({ schedule }) => entrance.allows(caller, 'inspect', { schedule }))
    return Promise.all(visible.map((stored) => this.#describe(stored)))
  }

  async remove(entrance: Entrance, caller: Caller, schedule: string): Promise<void> {
    entrance.allow(caller, 'remove', { schedule: checkScheduleName(schedule) })
    await this.#options.namespace.catalog.change('schedule', schedule, (present) => {
      if (present) return null
      throw new TidingsError('schedule-unknown', `There is no schedule ${schedule}; list those that there are.`, {
        details: { schedule },
      })
    })
    // Whoever removes one may rely on it that nothing of it is on its way.
    await this.#publishing
  }

  /** Whatever publishes to a topic that goes away. */
  async removeAllOf(topic: string): Promise<void> {
    const { catalog } = this.#options.namespace
    for (const each of await catalog.list('schedule')) {
      if (each.topic === topic) await catalog.change('schedule', each.schedule, () => null)
    }
    await this.#publishing
  }

  async #describe(stored: StoredSchedule): Promise<ScheduleDescription> {
    const { schedule, topic, expression, timeZone, catchUp, event } = stored
    const last = await this.#last(stored)
    const after = Math.max(this.#options.environment.clock.now(), last ?? 0)
    const next = this.#options.nextDue?.({ expression, timeZone, after })
    const refused = this.#refused.get(schedule)
    return {
      ...{ schedule, topic, expression, timeZone, catchUp, event: templateOf(event) },
      ...(next !== undefined && { next }),
      ...(last !== undefined && { last }),
      ...(refused && { refused }),
    }
  }

  /** The newest due time that the topic holds. */
  async #last({ schedule, topic }: StoredSchedule): Promise<number | undefined> {
    const { engine, name } = this.#options
    return (await engine.log.producer({ namespace: name, topic }, producerOf(schedule)))?.counter
  }

  // -------------------------------------------------------------------------------------------------------- publishing

  start(): void {
    this.#stopped = false
    this.look()
  }

  /** Publishes what is due, soon; one look at a time, and a call during one makes it look once more. */
  look(): void {
    if (this.#stopped || !this.#options.nextDue) return
    this.#cancelTimer()
    this.#lookAgain = true
    this.#publishing ??= this.#publishAll().finally(() => {
      this.#publishing = undefined
      if (this.#lookAgain) this.look()
    })
  }

  async #publishAll(): Promise<void> {
    this.#lookAgain = false
    const { namespace, environment } = this.#options
    const schedules = await namespace.catalog.list('schedule').catch(() => [])
    let soonest = Infinity
    for (const stored of schedules) {
      if (this.#stopped) return
      // What failed is out of reach or without room; the next look tries again.
      const next = await this.#publishDue(stored).catch(() => undefined)
      soonest = Math.min(soonest, next ?? Infinity)
    }
    if (schedules.length === 0 && !this.#options.engine.capabilities.shared) return
    if (this.#stopped) return
    const delayMs = Math.min(lookAgainMs, Math.max(0, soonest - environment.clock.now()))
    this.#cancelTimer = environment.timers.after(delayMs, () => this.look())
  }

  /** Publishes what one schedule owes; answers when it is due again. */
  async #publishDue(stored: StoredSchedule): Promise<number | undefined> {
    const { namespace, environment, nextDue } = this.#options
    const { schedule, topic, expression, timeZone, catchUp, since } = stored
    const next = (after: number): number | undefined => nextDue!({ expression, timeZone, after })
    const after = Math.max(since, (await this.#last(stored)) ?? 0, this.#refused.get(schedule)?.at ?? 0)
    const until = environment.clock.now()
    const due = newestDue(next, { after, until, limit: catchUp === 'all' ? mostMissed : 1 })
    if (due.length > 0) {
      const publisher = await namespace.publisher(topic)
      const stamp = { id: producerOf(schedule), epoch: 1 }
      const answers = await publisher.publish(
        due.map((at) => ({ event: eventOf(stored, at), producer: { ...stamp, counter: at } })),
        { own: true, principal: schedule.split('.', 1)[0]! },
      )
      const refused = answers.find((answer) => answer.status === 'refused')
      if (refused?.status === 'refused') this.#refused.set(schedule, { at: due.at(-1)!, message: refused.message })
      else this.#refused.delete(schedule)
    }
    return next(Math.max(after, until))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTimer()
    await this.#publishing
  }
}

/** No name of a publisher begins so, hence nobody else can raise its counter. */
function producerOf(schedule: string): string {
  return `$schedule.${schedule}`
}

function sameRhythm(left: StoredSchedule, right: StoredSchedule): boolean {
  return left.topic === right.topic && left.expression === right.expression && left.timeZone === right.timeZone
}
