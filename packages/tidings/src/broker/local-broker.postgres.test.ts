import { expect, test } from 'vitest'
import { postgresBench } from '../engines/postgres/postgres.fixture.ts'
import { brokerConformance, runBrokerCase } from './conformance/index.ts'
import { simpleDue } from './due-times.fixture.ts'
import { allowAll, createBroker, type Broker } from './index.ts'
import { checkCompatibility, compileSchema } from './schemas.fixture.ts'

const caller = { namespace: 'default', principal: 'tester' }

test.for(brokerConformance)('local broker over the postgres engine: $name', async (brokerCase, context) => {
  const bench = await postgresBench(context)
  const engine = await bench.engine()
  const crash = async (): Promise<Broker> => {
    const broker = createBroker({
      engine,
      authorize: allowAll,
      nextDue: simpleDue,
      checkCompatibility,
      compileSchema,
      retentionEveryMs: 20,
    })
    await broker.start()
    context.onTestFinished(() => broker.stop())
    return broker
  }
  // The broker of before a crash is simply left behind: the new one owns the ledgers from there on.
  expect(await runBrokerCase(brokerCase, { broker: await crash(), caller, crash })).toBeUndefined()
})
