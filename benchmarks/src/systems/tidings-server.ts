import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from 'tidings'
import { WebSocket } from 'ws'
import { freePort, startProgram, type RunningProgram } from './program.ts'
import type { System } from './system.ts'
import { overBroker } from './tidings.ts'

/** Its packages are found from the folder in which it is run. */
const server = `
  import { startServer } from '@tidings/server'
  const [path, port] = process.argv.slice(1)
  await startServer({ path, port: Number(port) })
`

export const tidingsServer: System = {
  name: 'tidings-server',
  title: 'Tidings, a server over the embedded engine (an fsync for each group)',
  durability: 'D',
  form: 'server',
  missing: async () => undefined,
  async start(folder) {
    const { url, program } = await startTidingsServer(folder)
    const broker = connect(url, { WebSocket, timeoutMs: 60_000 })
    await broker.start()
    return overBroker(broker, {
      pids: [program.pid],
      async stop() {
        await broker.stop()
        await program.end()
      },
    })
  },
}

/** The process alone, on the store in this folder; with more options of Node than it has elsewhere. */
export async function startTidingsServer(
  folder: string,
  nodeOptions: readonly string[] = [],
): Promise<{ url: string; program: RunningProgram }> {
  const port = await freePort()
  const program = await startProgram({
    command: process.execPath,
    words: [...nodeOptions, '--input-type=module', '--eval', server, join(folder, 'tidings'), String(port)],
    log: join(folder, 'tidings.log'),
    port,
    folder: fileURLToPath(new URL('.', import.meta.url)),
  })
  return { url: `http://127.0.0.1:${port}`, program }
}
