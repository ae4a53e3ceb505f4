import { assertEqual } from '../../engine/conformance/assert.ts'
import type { Redrive, StartRedriveRequest } from '../port/dead-letters.ts'
import { event, eventually, ids, Scene, subscription, type BrokerCase, type BrokerContext } from './case.ts'

/** Slow enough for one batch within a test, and no second. */
const oneBatch = 0.01

/** Redrives: dead letters handed back batch by batch. */
export const redriveCases: readonly BrokerCase[] = [
  {
    name: 'a redrive hands back what fits its filter, once, and its preview says so before',
    async run(context) {
      const scene = await open(context, 'a', 'b', 'c')
      const all = (await scene.broker.deadLetters(context.caller, { subscription })).deadLetters
      const since = all[0]!.at
      for (const [filter, found] of [
        [{ key: 'b' }, 1],
        [{ type: 'shop.order' }, 3],
        [{ type: 'shop.other' }, 0],
        [{ reason: 'breaks' }, 3],
        [{ reason: 'mends' }, 0],
        [{ after: since }, 3],
        [{ before: since }, 0],
        [{ before: since, key: 'b' }, 0],
        [{}, 3],
      ] as const) {
        const { deadLetters } = await scene.broker.previewRedrive(context.caller, { subscription, filter })
        assertEqual(deadLetters, found, `the preview of ${JSON.stringify(filter)}`)
      }
      const begun = await start(scene, { filter: { key: 'b' } })
      const done = await ended(scene, begun)
      assertEqual([done.status, done.redriven, done.by], ['done', 1, context.caller.principal], 'how it ended')
      assertEqual(ids(await scene.pullNow()), ['2'], 'what is delivered')
      assertEqual((await scene.broker.stats(context.caller, subscription)).dead, 2, 'the others stay')
    },
  },
  {
    name: 'a redrive with a canary stops by itself at the first one that fails again',
    async run(context) {
      const scene = await open(context, 'a', 'b', 'c', 'd')
      const begun = await start(scene, { canary: true })
      const [first] = await scene.pull(1)
      assertEqual(ids(await scene.pullNow()), [], 'one alone, until it is settled')
      await scene.ack(first!)
      const second = await scene.pull(2)
      assertEqual([first!, ...second].length, 3, 'then two')
      await scene.settle(second[0]!, { action: 'retry', reason: 'it still breaks' })
      const stopped = await ended(scene, begun)
      assertEqual([stopped.status, stopped.redriven], ['stopped', 3], 'how it ended')
      assertEqual(stopped.reason?.includes('it still breaks'), true, `why: ${stopped.reason}`)
      assertEqual((await scene.broker.stats(context.caller, subscription)).dead, 1, 'the fourth stays a dead letter')
    },
  },
  {
    name: 'a redrive with a canary that nothing stops hands back all of them',
    async run(context) {
      const scene = await open(context, 'a', 'b', 'c', 'd')
      const begun = await start(scene, { canary: true })
      for (let settled = 0; settled < 4;) {
        const deliveries = await scene.pull(1)
        await scene.ack(...deliveries)
        settled += deliveries.length
      }
      const done = await ended(scene, begun)
      assertEqual([done.status, done.redriven], ['done', 4], 'how it ended')
    },
  },
  {
    name: 'a redrive hands back no more a second than it may, and nothing more once it is stopped',
    async run(context) {
      const scene = await open(context, 'a', 'b', 'c')
      const { redrive } = await start(scene, { perSecond: oneBatch })
      await scene.pull(1)
      assertEqual(ids(await scene.pullNow()), [], 'the second has to wait')
      const operator = { ...context.caller, principal: 'somebody' }
      const stopped = await scene.broker.stopRedrive(operator, { subscription, redrive })
      assertEqual([stopped.status, stopped.reason], ['stopped', 'somebody stopped it.'], 'how it ended')
      assertEqual((await scene.broker.stats(context.caller, subscription)).dead, 2, 'the others stay')
    },
  },
  {
    name: 'a redrive that is running goes on after a crash of the broker',
    restarts: true,
    async run(context) {
      const scene = await open(context, 'a', 'b', 'c')
      const begun = await start(scene, { perSecond: oneBatch })
      await scene.ack(...(await scene.pull(1)))
      await eventually(async () => (await find(scene, begun)).redriven === 1, 'the first is counted')
      scene.broker = await context.crash!()
      assertEqual(ids(await scene.pull(1)).length, 1, 'the second comes')
      const { status, by } = await find(scene, begun)
      assertEqual([status, by], ['running', context.caller.principal], 'it is still known')
    },
  },
  {
    name: 'a seek ends a redrive, and two redrives of one letter make one delivery',
    async run(context) {
      const scene = await open(context, 'a', 'b', 'c')
      const slow = await start(scene, { canary: true })
      const [first] = await scene.pull(1)
      const both = await Promise.all([start(scene, {}), start(scene, {})])
      for (const each of both) assertEqual((await ended(scene, each)).status, 'done', 'each ends')
      assertEqual(ids([first!, ...(await scene.pullNow())]).sort(), ['1', '2', '3'], 'each letter once')
      await scene.broker.seek(context.caller, { subscription, to: 'end' })
      const stopped = await ended(scene, slow)
      assertEqual([stopped.status, stopped.reason?.includes('seek')], ['stopped', true], 'the one that was running')
    },
  },
]

/** One dead letter of each key, numbered from 1. */
async function open(context: BrokerContext, ...keys: string[]): Promise<Scene> {
  const scene = await Scene.open(context)
  for (const [index, key] of keys.entries()) {
    await scene.publish(event(`${index + 1}`, key))
    await scene.kill(`${index + 1}`)
  }
  return scene
}

function start({ broker, caller }: Scene, request: Omit<StartRedriveRequest, 'subscription'>): Promise<Redrive> {
  return broker.startRedrive(caller, { subscription, ...request })
}

async function find({ broker, caller }: Scene, { redrive }: Redrive): Promise<Redrive> {
  return (await broker.redrives(caller, subscription)).find((each) => each.redrive === redrive)!
}

async function ended(scene: Scene, redrive: Redrive): Promise<Redrive> {
  await eventually(async () => (await find(scene, redrive)).status !== 'running', 'the redrive ends')
  return find(scene, redrive)
}
