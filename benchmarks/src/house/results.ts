import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Limit } from '../limits/limits.ts'
import type { Machine } from './machine.ts'
import type { Table } from './table.ts'

/** Grows when the shape of the files changes, so that an old one is not read as a new one. */
export const resultsVersion = 1

/** Of one run of the benchmarks. */
export interface Run {
  /** ISO 8601; tells runs apart. */
  readonly begun: string
  readonly isQuick: boolean
  readonly machine: Machine
  /** Every system that was asked for: with its version, or why it was not started. */
  readonly systems: readonly { readonly name: string; readonly title: string; readonly missing?: string }[]
  /** As many as had been measured when the workload ended. */
  readonly limits: readonly Limit[]
}

/** What a workload gave, in a file of its own: `W1.json`. */
export interface WorkloadResult {
  readonly version: typeof resultsVersion
  readonly id: string
  readonly title: string
  readonly run: Run
  readonly tables: readonly Table[]
  /** Why there is nothing, or not everything. */
  readonly failure?: string
}

export async function storeResult(folder: string, result: WorkloadResult): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${result.id}.json`), `${JSON.stringify(result, undefined, 1)}\n`)
}

/** The audit first, then in the order of the workloads' numbers. */
export async function storedResults(folder: string): Promise<readonly WorkloadResult[]> {
  const names = await readdir(folder).catch(() => [])
  const files = names.filter((name) => /^(AUDIT|W\d+)\.json$/.test(name))
  if (files.length === 0) throw new Error(`There are no results in ${folder}: run npm run bench first.`)
  const results = await Promise.all(
    files.map(async (name) => {
      const result = JSON.parse(await readFile(join(folder, name), 'utf8')) as { version: number }
      if (result.version === resultsVersion) return result as WorkloadResult
      throw new Error(
        `${join(folder, name)} has version ${result.version}, and this program reads ${resultsVersion}: measure it again.`,
      )
    }),
  )
  return results.sort((left, right) => placeOf(left) - placeOf(right))
}

const placeOf = ({ id }: WorkloadResult): number => (id === 'AUDIT' ? 0 : Number(id.slice(1)))
