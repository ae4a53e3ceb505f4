import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { contractDocument, type ContractDefinition, type ContractDetails } from 'tidings'
import { CommandError, UsageError } from '../failure.ts'

interface Found {
  readonly '~contract': ContractDetails
}

/** The contract in a file: a JSON document, or what a module in TypeScript or JavaScript exports. */
export async function loadContract(file: string, exportName: string | undefined): Promise<ContractDefinition> {
  return file.endsWith('.json') ? readDocument(file) : contractDocument(await importContract(file, exportName))
}

function readDocument(file: string): ContractDefinition {
  let document: unknown
  try {
    document = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`The contract cannot be read from ${file}: ${(error as Error).message}.`)
  }
  const { service, topics } = (document ?? {}) as Partial<ContractDefinition>
  if (typeof service === 'string' && Array.isArray(topics)) return document as ContractDefinition
  throw new UsageError(`${file} holds no contract: that is an object with "service" and "topics".`)
}

async function importContract(file: string, exportName: string | undefined): Promise<Found> {
  const exported = await importModule(file)
  const contracts = Object.entries(exported).filter((entry): entry is [string, Found] => isContract(entry[1]))
  const names = contracts.map(([name]) => name).join(', ')
  if (exportName !== undefined) {
    const found = contracts.find(([name]) => name === exportName)
    if (found) return found[1]
    throw new UsageError(`${file} exports no contract called ${exportName}; it exports ${names || 'none'}.`)
  }
  const [first] = new Set(contracts.map(([, contract]) => contract))
  if (first && contracts.every(([, contract]) => contract === first)) return first
  throw new UsageError(
    first
      ? `${file} exports the contracts ${names}; say which one with --export.`
      : `${file} exports no contract; export what defineContract() returns.`,
  )
}

/** TypeScript is compiled on the way, because not every Node that this runs on reads it. */
async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(file)
  try {
    const { createJiti } = await import('jiti')
    return await createJiti(pathToFileURL(path).href, { fsCache: false }).import(path)
  } catch (cause) {
    throw new CommandError(`${file} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}

function isContract(value: unknown): value is Found {
  return typeof value === 'object' && value !== null && '~contract' in value
}
