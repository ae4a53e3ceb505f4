import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import type { Block } from './blocks.ts'
import { endGroup, surroundings } from './document-run.ts'

/** Something that a document left running. */
export interface Served {
  end(): void
}

/** Starts what a `serve` block says, and resolves when it has printed something: then it serves. */
export async function serve(block: Block, folder: string, variables: Record<string, string>): Promise<Served> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', block.text], {
    cwd: folder,
    detached: true,
    env: surroundings(folder, variables),
  })
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  const ended = once(child, 'close').then(() => {
    throw new Error(`What line ${block.line} serves ended by itself: ${complaints}`)
  })
  ended.catch(() => undefined)
  await Promise.race([once(child.stdout, 'data'), ended])
  return { end: () => endGroup(child) }
}

/** Settings of the command for a server of this document alone, where its readers have the default. */
export async function ownAddress(): Promise<Record<string, string>> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return { TIDINGS_PORT: String(port), TIDINGS_URL: `http://127.0.0.1:${port}` }
}
