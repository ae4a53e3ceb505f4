import { TidingsError, type ErrorCode } from '../../errors.ts'

/** Throws unless `holds`; the message says what was required. */
export function assert(holds: boolean, requirement: string): asserts holds {
  if (!holds) throw new Error(`Required: ${requirement}.`)
}

/** Throws unless both values have the same content; absent and `undefined` properties are the same, bytes count as bytes. */
export function assertEqual<Value>(actual: Value, expected: Value, requirement: string): void {
  const found = render(actual)
  const wanted = render(expected)
  if (found !== wanted) throw new Error(`Required: ${requirement}.\n  expected ${wanted}\n  found    ${found}`)
}

/** Throws unless the promise rejects with a TidingsError of this code. */
export async function assertRejects(promise: Promise<unknown>, code: ErrorCode, requirement: string): Promise<void> {
  const outcome = await promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof TidingsError ? error.code : String(error)),
  )
  if (outcome !== code) throw new Error(`Required: ${requirement}; expected a rejection as ${code}, found: ${outcome}.`)
}

/** What the promise resolves with; throws when it rejects. */
export async function assertResolves<Value>(promise: Promise<Value>, requirement: string): Promise<Value> {
  try {
    return await promise
  } catch (cause) {
    throw new Error(`Required: ${requirement}; found: ${String(cause)}`, { cause })
  }
}

function render(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes(${value.join(',')})`
  if (Array.isArray(value)) return `[${value.map(render).join(', ')}]`
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' ? JSON.stringify(value) : String(value)
  const properties = Object.entries(value).filter(([, property]) => property !== undefined)
  properties.sort(([left], [right]) => (left < right ? -1 : 1))
  return `{ ${properties.map(([name, property]) => `${name}: ${render(property)}`).join(', ')} }`
}
