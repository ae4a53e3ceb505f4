/**
 * The allowed arrows of the architecture, as data. `ls` is the architecture diagram; this table says which way its
 * arrows point, and `tidy.test.ts` reads the real imports and compares.
 */
export interface Layer {
  /** A folder or a file (without `.ts`) below `packages/tidings/src`; the most specific row governs a file. */
  readonly path: string
  /** The layers that its files may import, beside itself. Everybody may use `errors` and `environment`. */
  readonly imports: readonly string[] | 'anything'
  /** Node's built-ins are allowed; everything else must run in browsers too. */
  readonly node?: true
  /** Packages that the user brings; the library itself has no runtime dependency. */
  readonly packages?: readonly string[]
}

/** What the patterns of the service kit share: the ports, never an engine, never a concrete database. */
const pattern = ['broker/port', 'consumer', 'contract', 'database', 'event']

export const layers: readonly Layer[] = [
  { path: 'errors', imports: [] },
  { path: 'environment', imports: [] },
  { path: 'event', imports: [] },
  { path: 'contract', imports: ['event'] },
  { path: 'compatibility', imports: ['contract'] },

  // The suites share the assertions of the engine's, so that no test runner is needed to run them.
  { path: 'engine', imports: ['event'] },
  { path: 'engine/conformance', imports: ['engine', 'event'], node: true },
  { path: 'engines/memory', imports: ['engine', 'event'] },
  { path: 'folder', imports: [], node: true },
  { path: 'engines/embedded', imports: ['engine', 'event', 'folder'], node: true, packages: ['lmdb'] },
  { path: 'postgres', imports: [], node: true },
  { path: 'engines/postgres', imports: ['engine', 'event', 'postgres'], node: true },

  { path: 'move', imports: ['engine', 'event'], node: true },

  { path: 'delivery', imports: ['event', 'engine'] },
  { path: 'broker/port', imports: ['contract', 'engine', 'event'] },
  { path: 'broker', imports: ['broker/port', 'contract', 'delivery', 'engine', 'event'] },
  { path: 'broker/conformance', imports: ['broker/port', 'engine/conformance', 'event'], node: true },
  { path: 'consumer', imports: ['broker/port', 'event'] },

  { path: 'database', imports: [], node: true },
  { path: 'database/conformance', imports: ['database', 'engine/conformance'], node: true },
  { path: 'databases/sqlite', imports: ['database'], node: true },
  { path: 'databases/postgres', imports: ['database', 'postgres'], node: true },

  { path: 'outbox', imports: pattern },
  { path: 'inbox', imports: pattern },
  { path: 'replica', imports: pattern },
  { path: 'capture', imports: ['broker/port', 'contract', 'event'], node: true },
  {
    path: 'verify',
    imports: ['broker/port', 'capture', 'contract', 'database', 'event', 'protocol', 'replica', 'service'],
    node: true,
  },
  {
    path: 'drift',
    imports: ['broker/port', 'contract', 'database', 'event', 'outbox', 'protocol', 'replica', 'verify'],
    node: true,
  },
  { path: 'extract', imports: ['capture', 'postgres', 'verify'], node: true },
  { path: 'service', imports: [...pattern, 'inbox', 'outbox', 'replica'] },

  { path: 'protocol', imports: ['contract', 'event'] },
  { path: 'client', imports: ['broker/port', 'event', 'protocol'] },
  { path: 'spool', imports: ['broker/port', 'client', 'event', 'folder', 'protocol'], node: true },

  { path: 'testing', imports: 'anything', node: true },
  { path: 'index', imports: 'anything' },
]

/** Which public doors of other packages of this repository a package may use. */
export const packageArrows: Readonly<Record<string, readonly string[]>> = {
  'packages/tidings': [],
  'packages/server': ['tidings'],
  'packages/cli': ['tidings', '@tidings/server'],
  examples: ['tidings', '@tidings/server', '@tidings/cli'],
  benchmarks: ['tidings', '@tidings/server', '@tidings/cli'],
  tools: [],
}
