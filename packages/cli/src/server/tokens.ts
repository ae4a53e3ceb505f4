import { readFileSync } from 'node:fs'
import type { AccessToken } from '@tidings/server'
import { UsageError } from '../failure.ts'

const form = '[{ "token": "…", "principal": "sales", "namespaces": ["default"] }]'

/** The tokens of a file: who may call, and as whom. */
export function readTokens(file: string): readonly AccessToken[] {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`The tokens cannot be read from ${file} (${(error as Error).message}); it must hold ${form}.`)
  }
  if (!Array.isArray(value) || value.length === 0) {
    throw new UsageError(`${file} holds no list of tokens; it must hold ${form}.`)
  }
  return value.map((entry: unknown, index) => {
    if (isToken(entry)) return entry
    // The entry itself is not shown: it holds a secret.
    throw new UsageError(`Entry ${index} of ${file} is no token; it must look like ${form.slice(1, -1)}.`)
  })
}

const members = ['token', 'principal', 'namespaces']

function isToken(entry: unknown): entry is AccessToken {
  if (typeof entry !== 'object' || entry === null) return false
  const { token, principal, namespaces } = entry as Partial<AccessToken>
  return (
    Object.keys(entry).every((name) => members.includes(name)) &&
    typeof token === 'string' &&
    typeof principal === 'string' &&
    (namespaces === undefined || (Array.isArray(namespaces) && namespaces.every((name) => typeof name === 'string')))
  )
}
