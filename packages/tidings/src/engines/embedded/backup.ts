import { createReadStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TidingsError } from '../../errors.ts'
import type { Environment } from '../../environment/index.ts'
import { backupForm, writeBackup } from './backup-form.ts'
import { freeBytes, storeError } from './failures.ts'
import { storeFormat } from './marker.ts'
import { inspectFile } from './inspection.ts'
import type { Session } from './session.ts'

/** Left free on the disk beside a copy, so that a backup refuses no publisher. */
const spareBytes = 64 * 1_048_576

/**
 * One consistent cut of the store as a stream. LMDB copies what one transaction sees to a file beside the store, in a
 * thread of its own, while others publish; pages that are replaced meanwhile are not reused until it is done. The copy
 * is checked like a store that is opened, then sent, and removed whatever happens; one that a crash leaves behind goes
 * at the next start.
 */
export async function* takeBackup(
  { session, dataFile }: { readonly session: Session; readonly dataFile: string },
  environment: Environment,
): AsyncGenerator<Uint8Array> {
  const copy = join(dirname(dataFile), `copy.${environment.ids.next()}`)
  const { size } = await stat(dataFile)
  const free = freeBytes(dataFile)
  if (free < size + spareBytes) {
    throw new TidingsError(
      'store-full',
      `A backup copies the store on its own disk first: ${size + spareBytes} bytes are needed beside ${dataFile} and ${free} are free. Free some space.`,
      { details: { file: dataFile, freeBytes: free } },
    )
  }
  const takenAt = environment.clock.now()
  try {
    await session.copyTo(copy).catch((cause: unknown) => {
      throw cause instanceof TidingsError ? cause : storeError(cause, { file: copy, bytes: size })
    })
    inspectFile(copy)
    const { size: bytes } = await stat(copy)
    yield* writeBackup(
      { backup: 'tidings-embedded', form: backupForm, format: storeFormat, takenAt, bytes },
      createReadStream(copy, { highWaterMark: 1_048_576 }),
    )
  } finally {
    await rm(copy, { force: true })
  }
}
