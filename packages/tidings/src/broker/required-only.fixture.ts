import type { CompileSchema } from './check-event.ts'

/** Of a schema only `required` counts. */
export const requiredOnly: CompileSchema = (schema) => (data) => {
  const required = (schema as { readonly required?: readonly string[] }).required ?? []
  const payload = JSON.parse(new TextDecoder().decode(data)) as object
  return required.every((name) => name in payload) ? undefined : `one of ${required.join(', ')} is missing`
}
