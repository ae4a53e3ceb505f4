import { stat } from 'node:fs/promises'
import { Watchers, type Engine } from '../../engine/index.ts'
import { TidingsError } from '../../errors.ts'
import { systemEnvironment, type Environment } from '../../environment/index.ts'
import { takeBackup } from './backup.ts'
import { freeBytes, openError, refusingOf } from './failures.ts'
import { openFolder, type Folder } from './folder.ts'
import { embeddedLedger } from './ledger.ts'
import { embeddedLog, topicIdOf } from './log.ts'
import { Serial } from './serial.ts'
import { Session } from './session.ts'
import { holdStore } from './transfer.ts'

export interface EmbeddedEngineOptions {
  /** The folder of the store; made where there is none. One process at a time owns it. */
  readonly path: string
  readonly environment?: Environment
  /** How long an identity is remembered: 10 minutes and a million ids of each topic where nothing is said. */
  readonly deduplication?: { readonly maxIds?: number; readonly maxAgeMs?: number }
  /**
   * Told when a write failed for another reason than a full disk: nothing more is stored or acknowledged, and what the
   * disk holds is what a new process finds. Ends the process by an uncaught exception where nothing is said.
   */
  readonly onFatal?: (error: Error) => void
}

/**
 * An engine in one folder of this machine's disk, on LMDB (https://www.npmjs.com/package/lmdb): every answer is given
 * after an fsync, which the calls that arrive together share.
 */
export function embeddedEngine(options: EmbeddedEngineOptions): Engine {
  const environment = options.environment ?? systemEnvironment
  const deduplication = { maxIds: 1_000_000, maxAgeMs: 600_000, ...options.deduplication }
  const onFatal = options.onFatal ?? endProcess
  const watchers = new Watchers()
  const lifecycle = new Serial()
  let running: { folder: Folder; session: Session } | undefined
  const open = (): { folder: Folder; session: Session } => {
    if (running) return running
    throw new TidingsError('stopped', `The engine of ${options.path} is not running; start it first.`)
  }
  const session = (): Session => open().session
  const onGrown = (name: string): void => watchers.notify(topicIdOf(name))

  const start = async (): Promise<void> => {
    if (running) return
    let folder: Folder | undefined
    let opened: Session | undefined
    try {
      folder = await openFolder(options.path, environment)
      opened = await Session.open({ file: folder.dataFile, environment, deduplication, onFatal, onGrown })
      await folder.complete()
      running = { folder, session: opened }
    } catch (error) {
      await opened?.close()
      await folder?.release()
      throw openError(error, options.path)
    }
  }
  const stop = async (): Promise<void> => {
    const stopping = running
    running = undefined
    if (!stopping) return
    await stopping.session.close()
    await stopping.folder.release()
  }

  return {
    name: 'embedded',
    capabilities: { durable: true, shared: false, defaultShards: 1 },
    log: embeddedLog({ environment, watchers, session }),
    ledger: embeddedLedger({ session }),
    start: () => lifecycle.run(start),
    stop: () => lifecycle.run(stop),
    async stats() {
      const { folder, session } = open()
      const refusing = refusingOf(folder.dataFile, session.writer.refusal)
      const { size } = await stat(folder.dataFile)
      return { bytes: size, freeBytes: freeBytes(folder.dataFile), ...(refusing !== undefined && { refusing }) }
    },
    async *backup() {
      const { folder, session } = open()
      yield* takeBackup({ session, dataFile: folder.dataFile }, environment)
    },
    hold: () => lifecycle.run(() => holdStore({ path: options.path, environment, deduplication })),
    [Symbol.asyncDispose]: () => lifecycle.run(stop),
  }
}

function endProcess(error: Error): void {
  setImmediate(() => {
    throw error
  })
}
