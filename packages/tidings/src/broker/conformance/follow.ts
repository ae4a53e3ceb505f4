import { assertEqual } from '../../engine/conformance/assert.ts'
import { formatSequence } from '../../event/index.ts'
import type { Follower, FollowRequest, FollowReset } from '../port/events.ts'
import { event, eventually, Scene, topic, type BrokerCase } from './case.ts'

/** A follow that remembers what it was told. */
class FollowProbe {
  readonly ids: string[] = []
  readonly resets: FollowReset[] = []
  position = ''
  closed: Error | undefined
  follower!: Follower

  static async open(scene: Scene, request: Partial<FollowRequest> = {}): Promise<FollowProbe> {
    const probe = new FollowProbe()
    probe.follower = await scene.broker.follow(scene.caller, {
      topic,
      onEvents(events, until) {
        probe.ids.push(...events.map((each) => each.event.id))
        probe.position = until
      },
      onReset: (reset) => void probe.resets.push(reset),
      onClosed: (reason) => (probe.closed = reason),
      ...request,
    })
    return probe
  }

  async has(...ids: string[]): Promise<void> {
    await eventually(() => this.ids.length >= ids.length, `${ids.join()}; there is ${this.ids.join()}`)
    assertEqual(this.ids, ids, 'what came, in order')
  }
}

const ids = Array.from({ length: 45 }, (_, index) => `${index + 1}`)

export const followCases: readonly BrokerCase[] = [
  {
    name: 'follow() gives what is there after a position, and then what comes, each once and in order',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(...ids.map((id) => event(id, id)))
      const { events } = await scene.broker.read(context.caller, { topic, limit: 2 })
      const probe = await FollowProbe.open(scene, { after: events[1]!.position })
      await probe.has(...ids.slice(2))
      await scene.publish(event('next', 'a'))
      await probe.has(...ids.slice(2), 'next')
      const all = await FollowProbe.open(scene, { after: 'beginning' })
      await all.has(...ids, 'next')
      const { head } = await scene.broker.topic(context.caller, topic)
      assertEqual([probe.position, all.position, probe.resets.length], [head, head, 0], 'where they are')
      probe.follower.close()
      all.follower.close()
    },
  },
  {
    name: 'follow() begins now where nothing is said, and gives nothing after it was closed',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('before', 'a'))
      const probe = await FollowProbe.open(scene)
      const other = await FollowProbe.open(scene)
      assertEqual(probe.follower.position, (await scene.broker.topic(context.caller, topic)).head, 'where it begins')
      await scene.publish(event('1', 'a'))
      await probe.has('1')
      probe.follower.close()
      await scene.publish(event('2', 'a'))
      await other.has('1', '2')
      await probe.has('1')
      other.follower.close()
    },
  },
  {
    name: 'follow() gives only what its filter lets through',
    async run(context) {
      const scene = await Scene.open(context)
      const answer = { extensions: { correlationid: 'c1' } }
      await scene.publish(event('1', 'a'), event('2', 'b'), event('3', 'a', { type: 'other' }), event('4', 'b', answer))
      const follow = (filter: FollowRequest['filter'] & {}) => FollowProbe.open(scene, { after: 'beginning', filter })
      const types = await follow({ types: [topic] })
      await types.has('1', '2', '4')
      const keys = await follow({ exact: { partitionkey: 'a' } })
      await keys.has('1', '3')
      const answers = await follow({ exact: { correlationid: 'c1' } })
      await answers.has('4')
      for (const probe of [types, keys, answers]) probe.follower.close()
    },
  },
  {
    name: 'follow() gives neither what was erased nor a state that was stale when it came',
    async run(context) {
      const scene = await Scene.open(context)
      const entity = 'crm.customer'
      await scene.broker.putTopic(context.caller, { topic: entity, kind: 'entity', owner: 'crm' })
      const state = (version: number) => ({
        event: { ...event(`v${version}`, 'c'), type: `${entity}.updated`, sequence: formatSequence(version) },
      })
      for (const version of [2, 1, 3]) {
        await scene.broker.publish(context.caller, { topic: entity, events: [state(version)] })
      }
      const states = await FollowProbe.open(scene, { topic: entity, after: 'beginning' })
      await states.has('v2', 'v3')
      await scene.publish(event('1', 'a'), event('2', 'b'))
      await scene.broker.erase(context.caller, { topic, key: 'a' })
      const rest = await FollowProbe.open(scene, { after: 'beginning' })
      await rest.has('2')
      for (const probe of [states, rest]) probe.follower.close()
    },
  },
  {
    name: 'follow() waits for a follower that is slow before it gives it more',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(...ids.map((id) => event(id, id)))
      let taken: () => void = () => undefined
      let atOnce = 0
      let calls = 0
      const got: string[] = []
      const probe = await FollowProbe.open(scene, {
        after: 'beginning',
        async onEvents(events) {
          atOnce = Math.max(atOnce, ++calls)
          await new Promise<void>((resolve) => (taken = resolve))
          got.push(...events.map((each) => each.event.id))
          calls--
        },
      })
      await eventually(() => {
        taken()
        return got.length >= ids.length
      }, 'all of them')
      assertEqual([got, atOnce], [ids, 1], 'in order, one page at a time')
      probe.follower.close()
    },
  },
  {
    name: 'follow() tells whoever comes with a position of another life of the topic, and goes on from now',
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'a'))
      const { until } = await scene.broker.read(context.caller, { topic })
      await scene.broker.removeTopic(context.caller, topic)
      await scene.broker.putTopic(context.caller, { topic, kind: 'event', owner: 'shop' })
      await scene.publish(event('3', 'a'))
      const { head } = await scene.broker.topic(context.caller, topic)
      const probe = await FollowProbe.open(scene, { after: until })
      await eventually(() => probe.resets.length > 0, 'a reset')
      await scene.publish(event('4', 'a'))
      await probe.has('4')
      assertEqual(
        probe.resets.map(({ position }) => position),
        [head],
        'it goes on from now, told once',
      )
      probe.follower.close()
    },
  },
  {
    name: 'follow() of a topic that is removed ends, and one of a topic that is not there is refused',
    async run(context) {
      const scene = await Scene.open(context)
      const probe = await FollowProbe.open(scene)
      await scene.broker.removeTopic(context.caller, topic)
      await scene.broker.putTopic(context.caller, { topic: 'shop.other', kind: 'event', owner: 'shop' })
      const code = await FollowProbe.open(scene).then(
        () => 'followed',
        (error: { code?: string }) => error.code,
      )
      assertEqual(code, 'topic-unknown', 'the refusal')
      await eventually(() => probe.closed !== undefined, 'the end')
      assertEqual((probe.closed as { code?: string }).code, 'topic-unknown', 'its reason')
    },
  },
  {
    name: 'follow() goes on after a crash of the broker where it stopped, and misses nothing',
    restarts: true,
    async run(context) {
      const scene = await Scene.open(context)
      await scene.publish(event('1', 'a'), event('2', 'a'))
      const before = await FollowProbe.open(scene, { after: 'beginning' })
      await before.has('1', '2')
      before.follower.close()
      await scene.publish(event('3', 'a'))
      scene.broker = await context.crash!()
      await scene.publish(event('4', 'a'))
      const after = await FollowProbe.open(scene, { after: before.position })
      await after.has('3', '4')
      assertEqual(after.resets.length, 0, 'nothing is missing')
      after.follower.close()
    },
  },
]
