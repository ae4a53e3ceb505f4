import { stat } from 'node:fs/promises'

export async function inspectFile(file: string): Promise<void> {
  await stat(file)
}
