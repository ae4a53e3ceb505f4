import { expect, test } from 'vitest'
import { checkLayers } from './check-layers.ts'

function problemsOf(path: string, text: string): readonly string[] {
  return checkLayers([{ path, text }])
}

test.each([
  ['an engine that knows delivery', 'engines/memory/log.ts', "import { machine } from '../../delivery/index.ts'"],
  ['an engine that knows another', 'engines/embedded/log.ts', "import { memoryEngine } from '../memory/index.ts'"],
  ['a pattern that knows the whole broker', 'outbox/relay.ts', "import { createBroker } from '../broker/index.ts'"],
  [
    'a pattern that knows a concrete database',
    'inbox/inbox.ts',
    "export { sqliteDatabase } from '../databases/sqlite/index.ts'",
  ],
  ['a port that knows its user', 'engine/port.ts', "import type { Broker } from '../broker/port/broker.ts'"],
  ['an arrow hidden in an import type', 'event/event.ts', "export type Log = import('../engine/port.ts').Log"],
  [
    'an arrow hidden in a dynamic import',
    'contract/entity.ts',
    "export const load = () => import('../service/index.ts')",
  ],
  ['errors that import anything', 'errors.ts', "import { sleep } from './environment/index.ts'"],
  ['a folder without a row', 'novelty/index.ts', "import { sleep } from '../environment/index.ts'"],
  ['Node in a layer for browsers', 'client/socket.ts', "import { connect } from 'node:net'"],
  ['a runtime dependency', 'protocol/frames.ts', "import { encode } from 'msgpackr'"],
  ['an engine that brings a client of another', 'engines/memory/log.ts', "import { open } from 'lmdb'"],
  ['a way into another package', 'service/service.ts', "import { serve } from '../../../server/src/index.ts'"],
  ['the library using the server', 'service/service.ts', "import { serve } from '@tidings/server'"],
])('refuses %s', (_what, path, text) => {
  expect(problemsOf(`packages/tidings/src/${path}`, text)).toEqual([
    expect.stringContaining(`packages/tidings/src/${path}:1`),
  ])
})

test('refuses the server using the command', () => {
  expect(problemsOf('packages/server/src/server.ts', "import { run } from '@tidings/cli'")).toHaveLength(1)
})

test.each([
  ['delivery/machine.ts', "import type { Ledger } from '../engine/index.ts'"],
  ['broker/stats.ts', "import { shardOf } from '../delivery/index.ts'\nimport type { Broker } from './port.ts'"],
  [
    'outbox/relay.ts',
    "import type { Broker } from '../broker/port/broker.ts'\nimport { TidingsError } from '../errors.ts'",
  ],
  ['engines/embedded/log.ts', "import { open } from 'lmdb'\nimport { join } from 'node:path'"],
  ['client/client.ts', "import { sleep } from '../environment/index.ts'\nimport { frame } from '../protocol/index.ts'"],
  [
    'delivery/machine.test.ts',
    "import { memoryEngine } from '../engines/memory/index.ts'\nimport { expect } from 'vitest'",
  ],
])('allows what the table allows: %s', (path, text) => {
  expect(problemsOf(`packages/tidings/src/${path}`, text)).toEqual([])
})

test('an import in a comment or a string is no import', () => {
  const text = "// import { x } from '../service/index.ts'\nexport const text = `import '../service/index.ts'`"
  expect(problemsOf('packages/tidings/src/event/event.ts', text)).toEqual([])
})
