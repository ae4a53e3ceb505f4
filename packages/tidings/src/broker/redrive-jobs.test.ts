import { beforeEach, describe, expect, it } from 'vitest'
import type { Engine } from '../engine/index.ts'
import { memoryEngine } from '../engines/memory/index.ts'
import { TidingsError } from '../errors.ts'
import { simulatedEnvironment, type SimulatedEnvironment } from '../testing/index.ts'
import { allowAll, createBroker, type Broker, type BrokerNotice, type Redrive } from './index.ts'

const caller = { namespace: 'default', principal: 'operator' }
const topic = 'shop.order'
const subscription = 'mail.thanks'
const ledgerId = { namespace: 'default', ledger: subscription, shard: 0 }

let environment: SimulatedEnvironment
let engine: Engine
let notices: BrokerNotice[]
beforeEach(() => {
  environment = simulatedEnvironment()
  engine = memoryEngine({ environment })
  notices = []
})

async function open(of = engine): Promise<Broker> {
  const report = (notice: BrokerNotice): void => void notices.push(notice)
  const broker = createBroker({ engine: of, authorize: allowAll, environment, report })
  await broker.start()
  return broker
}

/** A subscription with three dead letters and a redrive of one of them each second. */
async function begin(broker: Broker): Promise<Redrive> {
  const events = ['1', '2', '3'].map((id) => ({ event: { id, source: '/shop', type: topic, key: id } }))
  await broker.putTopic(caller, { topic, kind: 'event', owner: 'shop' })
  await broker.putSubscription(caller, { subscription, topic, from: 'beginning' })
  await broker.publish(caller, { topic, events })
  const { deliveries } = await broker.pull(caller, { subscription, max: 3 })
  const outcomes = deliveries.map(({ lease }) => ({ lease, action: 'dead-letter' as const, reason: 'it breaks' }))
  await broker.settle(caller, { subscription, outcomes })
  return broker.startRedrive(caller, { subscription, perSecond: 1 })
}

/** How it stands in the store, which nobody has to open for that. */
async function stored({ redrive }: Redrive): Promise<Pick<Redrive, 'status' | 'redriven'>> {
  const key = `j/${redrive}`
  const [entry] = await engine.ledger.load(ledgerId, { from: key, to: `${key}!` }, 1)
  const { status, redriven } = JSON.parse(entry!.value) as Redrive
  return { status, redriven }
}

describe('a redrive', () => {
  it('goes on after a restart by itself, before anybody uses its subscription', async () => {
    const before = await open()
    const redrive = await begin(before)
    await environment.advance(1)
    expect(await stored(redrive)).toEqual({ status: 'running', redriven: 1 })
    await before.stop()
    const after = await open()
    await environment.advance(5_000)
    expect(await stored(redrive)).toEqual({ status: 'done', redriven: 3 })
    await after.stop()
    expect(notices).toEqual([])
  })

  it('that a newer version wrote keeps no broker from starting, stays as it is, and is reported', async () => {
    const before = await open()
    const redrive = await begin(before)
    await before.stop()
    await engine.start()
    const newer = JSON.stringify({ v: 99, redrive: redrive.redrive })
    const change = { key: `j/${redrive.redrive}`, value: newer }
    await engine.ledger.commit(await engine.ledger.own(ledgerId), [change])
    const after = await open()
    await environment.advance(5_000)
    expect(notices).toMatchObject([{ level: 'warning', error: { code: 'store-version' }, details: { subscription } }])
    expect(await engine.ledger.load(ledgerId, { from: 'j/', to: 'j0' }, 10)).toEqual([change])
    await expect(after.redrives(caller, subscription)).rejects.toMatchObject({ code: 'store-version' })
    await after.stop()
  })

  it('goes on when a full disk has room again', async () => {
    const disk = { full: false }
    const { ledger } = engine
    const commit: Engine['ledger']['commit'] = async (...given) => {
      if (disk.full) throw new TidingsError('store-full', 'The disk is full.')
      return ledger.commit(...given)
    }
    const broker = await open({ ...engine, ledger: { ...ledger, commit } })
    const redrive = await begin(broker)
    await environment.advance(1)
    disk.full = true
    await environment.advance(10_000)
    expect(await stored(redrive)).toEqual({ status: 'running', redriven: 1 })
    disk.full = false
    await environment.advance(10_000)
    expect(await stored(redrive)).toEqual({ status: 'done', redriven: 3 })
    await broker.stop()
  })
})
