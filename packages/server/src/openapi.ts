import { batchType, structuredType } from 'tidings/event'
import { principalHeader, problemType, routes, type Operation, type Route } from 'tidings/protocol'
import type { JsonSchemaObject } from './answer-parts.ts'
import { answerSchemas, componentSchemas } from './answer-schemas.ts'

/** The HTTP API as an OpenAPI 3.1 document, made of the table that the server serves. */
export function describeApi(version: string): JsonSchemaObject {
  const paths: Record<string, Record<string, JsonSchemaObject>> = {}
  for (const operation of Object.keys(routes) as Operation[]) {
    const { path, method } = routes[operation]
    const item = (paths[`/v1/{namespace}${path}`] ??= {})
    item[method.toLowerCase()] = describeOperation(operation, routes[operation])
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Tidings',
      version,
      description: 'The whole protocol, the WebSocket included, is written down in docs/protocol.md.',
    },
    paths: { ...paths, ...healthPaths, ...wholePaths },
    components: {
      schemas: componentSchemas,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        principal: {
          type: 'apiKey',
          in: 'header',
          name: principalHeader,
          description: 'On the loopback interface, where there are no tokens.',
        },
      },
    },
    security: [{ token: [] }, { principal: [] }, {}],
  }
}

const problem = {
  description: 'Refused or failed; `code` says why.',
  content: { [problemType]: { schema: { $ref: '#/components/schemas/Problem' } } },
}
const health = (summary: string): JsonSchemaObject => ({
  get: { summary, security: [], responses: { 200: { description: 'Yes.' }, default: problem } },
})
const healthPaths = {
  '/health/live': health('Whether the process works.'),
  '/health/ready': health('Whether requests are served and the store can write.'),
}

const wholePaths = {
  '/v1/{namespace}/alarms': {
    get: {
      summary: 'What is wrong at present; needs the right "monitor".',
      parameters: pathParameters(''),
      responses: {
        200: { description: 'Alarms.', content: { 'application/json': { schema: { type: 'object' } } } },
        default: problem,
      },
    },
  },
  '/metrics': {
    get: {
      summary: 'Figures in the text format of Prometheus; needs the right "monitor" in every namespace.',
      responses: { 200: { description: 'Figures.', content: { 'text/plain': {} } }, default: problem },
    },
  },
  '/backup': {
    get: {
      summary: 'One consistent cut of the store, for tidings restore; needs the right "backup" in every namespace.',
      responses: { 200: { description: 'A backup.', content: { 'application/octet-stream': {} } }, default: problem },
    },
  },
}

function describeOperation(operation: Operation, route: Route): JsonSchemaObject {
  const answer = answerSchemas[operation]
  const events = { 200: { description: 'Events as they come.', content: { 'text/event-stream': {} } } }
  const done = answer
    ? { 200: { description: 'Done.', content: { 'application/json': { schema: answer } } } }
    : { 204: { description: 'Done.' } }
  const success = operation === 'follow' ? events : done
  const body =
    operation === 'publish'
      ? publishBody
      : operation === 'replace'
        ? payloadBody
        : route.body && { content: { 'application/json': { schema: route.body.schema } } }
  return {
    operationId: operation,
    summary: route.summary,
    parameters: [...pathParameters(route.path), ...queryParameters(route)],
    ...(body && { requestBody: { required: operation !== 'pull', ...body } }),
    responses: { ...success, default: problem },
  }
}

const publishBody = {
  description: 'The payload, or one CloudEvent, or a batch of them.',
  content: {
    'application/json': { schema: true },
    [structuredType]: { schema: { $ref: '#/components/schemas/CloudEvent' } },
    [batchType]: { schema: { type: 'array', items: { $ref: '#/components/schemas/CloudEvent' } } },
    '*/*': {},
  },
}

const payloadBody = { description: 'The payload as it is, of the type that the header says.', content: { '*/*': {} } }

function pathParameters(path: string): JsonSchemaObject[] {
  const names = ['namespace', ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)]
  return names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string', maxLength: 200 } }))
}

function queryParameters({ query }: Route): JsonSchemaObject[] {
  const properties = (query?.schema['properties'] ?? {}) as Record<string, JsonSchemaObject>
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', schema }))
}
