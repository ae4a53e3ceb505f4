/** The HTTP API as an OpenAPI 3.1 document. */
export function describeApi(version: string): object {
  return { openapi: '3.1.0', info: { title: 'Tidings', version }, paths: {} }
}
