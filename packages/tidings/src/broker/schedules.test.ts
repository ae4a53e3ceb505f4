import { beforeEach, describe, expect, it } from 'vitest'
import { memoryEngine } from '../engines/memory/index.ts'
import { simulatedEnvironment, type SimulatedEnvironment } from '../testing/index.ts'
import { simpleDue } from './due-times.fixture.ts'
import { newestDue } from './due-times.ts'
import { allowAll, createBroker, ownersOnly, type Broker, type ScheduleDefinition } from './index.ts'

const hourMs = 3_600_000
const topic = 'shop.report'
const caller = { namespace: 'default', principal: 'shop' }
const hourly: ScheduleDefinition = {
  schedule: 'shop.hourly',
  topic,
  expression: '0 * * * *',
  event: { type: topic },
}

let environment: SimulatedEnvironment
let open: () => Promise<Broker>
beforeEach(() => {
  environment = simulatedEnvironment()
  const engine = memoryEngine({ environment })
  open = async () => {
    const broker = createBroker({ engine, authorize: allowAll, environment, nextDue: simpleDue })
    await broker.start()
    return broker
  }
})

async function hours(broker: Broker): Promise<string[]> {
  const { events } = await broker.read(caller, { topic, limit: 1_000 })
  return events.map(({ event }) => event.id.slice(0, 13))
}

describe('schedules', () => {
  it.each([
    ['the newest only, where nothing else was said', 'newest', ['2030-01-01T01', '2030-01-01T06']],
    ['all of them in order, where that was wanted', 'all', [1, 2, 3, 4, 5, 6].map((hour) => `2030-01-01T0${hour}`)],
  ] as const)('publish of what was missed while no server ran %s', async (_, catchUp, expected) => {
    const before = await open()
    await before.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
    await before.putSchedule(caller, { ...hourly, catchUp })
    await environment.advance(hourMs + 1)
    await before.stop()
    await environment.advance(5 * hourMs)
    const after = await open()
    await environment.advance(1)
    expect(await hours(after)).toEqual(expected)
    await after.stop()
  })

  it('catch up with at most the newest hundred', async () => {
    const before = await open()
    await before.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
    await before.putSchedule(caller, { ...hourly, catchUp: 'all' })
    await before.stop()
    await environment.advance(500 * hourMs)
    const after = await open()
    await environment.advance(1)
    const found = await hours(after)
    expect(found).toHaveLength(100)
    expect(found.at(-1)).toBe('2030-01-21T20')
    await after.stop()
  })

  it('publish nothing twice when a server that fell out wakes up after the window of identities', async () => {
    const engine = memoryEngine({ environment, deduplication: { maxAgeMs: 1 } })
    const options = { engine, authorize: allowAll, environment, nextDue: simpleDue }
    const brokers = [createBroker(options), createBroker(options)]
    for (const broker of brokers) await broker.start()
    await brokers[0]!.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
    await brokers[0]!.putSchedule(caller, hourly)
    await environment.advance(2 * hourMs + 1)
    await brokers[1]!.stop()
    await engine.start()
    const late = createBroker(options)
    await late.start()
    await environment.advance(hourMs)
    expect(await hours(late)).toEqual(['2030-01-01T01', '2030-01-01T02', '2030-01-01T03'])
    await late.stop()
  })

  it('begin anew when the rhythm changes, and go on when the same is put again', async () => {
    const broker = await open()
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
    await broker.putSchedule(caller, hourly)
    await environment.advance(1)
    environment.jump(3 * hourMs)
    // Whoever puts its schedules whenever it starts must not lose what was missed until then.
    await broker.putSchedule(caller, { ...hourly, event: { type: topic, subject: 'changed' } })
    await environment.advance(1)
    expect(await hours(broker)).toEqual(['2030-01-01T03'])
    environment.jump(3 * hourMs)
    // In this rhythm something would have been due an hour ago.
    await broker.putSchedule(caller, { ...hourly, expression: '0 5 * * *' })
    await environment.advance(1)
    expect(await hours(broker)).toEqual(['2030-01-01T03'])
    environment.jump(22 * hourMs)
    await environment.advance(hourMs)
    expect(await hours(broker)).toEqual(['2030-01-01T03', '2030-01-02T05'])
    await broker.stop()
  })

  it('follow the wall clock when it is set', async () => {
    const broker = await open()
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
    await broker.putSchedule(caller, hourly)
    await environment.advance(1_000)
    environment.jump(hourMs)
    await environment.advance(10_000)
    expect(await hours(broker)).toEqual(['2030-01-01T01'])
    await broker.stop()
  })

  it('say what their topic refuses, and go on with the next due time', async () => {
    const engine = memoryEngine({ environment })
    let violation: string | undefined
    const compileSchema = () => () => violation
    const broker = createBroker({ engine, authorize: allowAll, environment, nextDue: simpleDue, compileSchema })
    await broker.start()
    await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop', schemas: { [topic]: true } })
    await broker.putSchedule(caller, hourly)
    violation = 'it lacks a title.'
    await environment.advance(hourMs + 1)
    expect(await broker.schedules(caller)).toMatchObject([
      { refused: { at: Date.UTC(2030, 0, 1, 1), message: expect.stringContaining('it lacks a title') } },
    ])
    violation = undefined
    await environment.advance(hourMs)
    expect(await hours(broker)).toEqual(['2030-01-01T02'])
    expect((await broker.schedules(caller))[0]).not.toHaveProperty('refused')
    await broker.stop()
  })

  it('belong to the service that their name begins with, which must be allowed to publish', async () => {
    const authorize = ownersOnly({ operators: ['root'] })
    const broker = createBroker({ engine: memoryEngine({ environment }), authorize, environment, nextDue: simpleDue })
    await broker.start()
    const as = (principal: string) => ({ namespace: 'default', principal })
    await broker.putTopic(as('shop'), { topic, kind: 'event', owner: 'shop' })
    await broker.putTopic(as('mail'), { topic: 'mail.send', kind: 'task', owner: 'mail' })
    const inTheNameOfAnother = { ...hourly, topic: 'mail.send' }
    await expect(broker.putSchedule(as('mail'), inTheNameOfAnother)).rejects.toMatchObject({ code: 'forbidden' })
    const foreign = { ...hourly, schedule: 'mail.hourly' }
    await expect(broker.putSchedule(as('mail'), foreign)).rejects.toMatchObject({ code: 'forbidden' })
    await broker.putSchedule(as('shop'), hourly)
    await broker.putSchedule(as('shop'), { ...hourly, schedule: 'shop.mails', topic: 'mail.send' })
    expect(await broker.schedules(as('mail'))).toEqual([])
    await expect(broker.removeSchedule(as('mail'), 'shop.hourly')).rejects.toMatchObject({ code: 'forbidden' })
    await broker.removeSchedule(as('shop'), 'shop.hourly')
    await broker.stop()
  })
})

describe('the newest due times', () => {
  const next = (after: number): number | undefined => [10, 20, 21, 22, 500].find((due) => due > after)

  it.each([
    [{ after: 0, until: 9, limit: 1 }, []],
    [{ after: 0, until: 10, limit: 1 }, [10]],
    [{ after: 10, until: 10, limit: 1 }, []],
    [{ after: 0, until: 499, limit: 1 }, [22]],
    [{ after: 0, until: 500, limit: 2 }, [22, 500]],
    [{ after: 0, until: 1_000_000, limit: 3 }, [21, 22, 500]],
    [{ after: 0, until: 1_000_000, limit: 5 }, [10, 20, 21, 22, 500]],
  ])('of %j are %j', (span, expected) => {
    expect(newestDue(next, span)).toEqual(expected)
  })

  it('are found without a look at each of those before them', () => {
    let looks = 0
    const everySecond = (after: number): number => {
      looks += 1
      return Math.floor(after / 1_000) * 1_000 + 1_000
    }
    const year = 31_536_000_000
    expect(newestDue(everySecond, { after: 0, until: year + 1, limit: 1 })).toEqual([year])
    expect(looks).toBeLessThan(200)
  })
})
