import { encodeBase64 } from '../event/index.ts'

interface TaskResult {
  readonly datacontenttype?: string
  readonly data?: Uint8Array
}

interface WireResult {
  readonly datacontenttype?: string
  readonly data_base64?: string
}

/** An outcome as it travels in JSON: the result of a task as base64, so that no parser changes it. */
export function encodeOutcome<Outcome extends { readonly action: string; readonly result?: TaskResult }>(
  outcome: Outcome,
): Omit<Outcome, 'result'> & { readonly result?: WireResult } {
  const { result, ...rest } = outcome
  if (!result) return rest
  const { data, ...attributes } = result
  return { ...rest, result: data ? { ...attributes, data_base64: encodeBase64(data) } : attributes }
}
