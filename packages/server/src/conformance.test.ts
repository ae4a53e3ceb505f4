import { connect, TidingsError, type ConnectOptions } from 'tidings'
import { allowAll, createBroker, type Broker } from 'tidings/broker'
import { brokerConformance, runBrokerCase } from 'tidings/broker/conformance'
import type { Engine } from 'tidings/engine'
import { memoryEngine } from 'tidings/engines/memory'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { openBench } from './bench.fixture.ts'
import { checkCompatibility } from './compatibility.ts'
import { nextDue } from './next-due.ts'
import { compileSchema } from './schemas.ts'

const caller = { namespace: 'default', principal: 'tester' }
const transports: readonly { transport: string; options: ConnectOptions }[] = [
  { transport: 'WebSocket', options: { WebSocket } },
  { transport: 'HTTP long poll', options: { WebSocket: null } },
]

describe.each(transports)('remote broker over $transport', ({ options }) => {
  for (const brokerCase of brokerConformance) {
    it.concurrent(brokerCase.name, async () => {
      const store = memoryEngine()
      const opened: AsyncDisposable[] = []
      let crash: () => void = () => undefined
      const reach = async (): Promise<Broker> => {
        crash()
        const { engine, cut } = cuttable(store)
        crash = cut
        const bench = await openBench({
          broker: createBroker({
            engine,
            authorize: allowAll,
            checkCompatibility,
            compileSchema,
            nextDue,
            retentionEveryMs: 20,
          }),
        })
        const broker = connect(bench.server.url, options)
        opened.unshift(broker, bench)
        return broker
      }
      try {
        expect(await runBrokerCase(brokerCase, { broker: await reach(), caller, crash: reach })).toBeUndefined()
      } finally {
        for (const each of opened) await each[Symbol.asyncDispose]()
      }
    })
  }
})

/** An engine that a broker loses, without a good-bye and for good, when it is cut; the store goes on to the next one. */
function cuttable(engine: Engine): { engine: Engine; cut: () => void } {
  let isCut = false
  const guarded = <Part extends object>(part: Part): Part =>
    new Proxy(part, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function' || name === 'watch') return value
        return async (...given: unknown[]) => {
          if (isCut) throw new TidingsError('store-failed', 'The process of this broker is gone.')
          return (value as (...given: unknown[]) => unknown).apply(target, given)
        }
      },
    })
  const cut = { log: guarded(engine.log), ledger: guarded(engine.ledger), stop: () => Promise.resolve() }
  return { engine: { ...engine, ...cut }, cut: () => void (isCut = true) }
}
