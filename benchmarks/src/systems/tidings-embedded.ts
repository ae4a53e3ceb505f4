import { join } from 'node:path'
import { allowAll, createBroker } from 'tidings/broker'
import { embeddedEngine } from 'tidings/engines/embedded'
import type { System } from './system.ts'
import { overBroker } from './tidings.ts'

export const tidingsEmbedded: System = {
  name: 'tidings-embedded',
  title: 'Tidings, a broker in the process over the embedded engine (an fsync for each group)',
  durability: 'D',
  form: 'library',
  missing: async () => undefined,
  async start(folder) {
    const broker = createBroker({ engine: embeddedEngine({ path: join(folder, 'tidings') }), authorize: allowAll })
    await broker.start()
    return overBroker(broker, { pids: [], stop: () => broker.stop() })
  },
}
