import type { Operation } from 'tidings/protocol'
import { component, flag, listOf, members, oneOf, text, whole, type JsonSchemaObject } from './answer-parts.ts'

/** What the operations of the registry of contracts answer. */

const schema = { type: ['object', 'boolean'] }
const verdict = oneOf('unchanged', 'compatible', 'undecided', 'incompatible')
const compatibility = members({
  mode: oneOf('none', 'backward', 'forward', 'full', 'backward-transitive', 'forward-transitive', 'full-transitive'),
  policy: oneOf('lenient', 'strict'),
})
const field = { type: 'string', description: 'A JSON pointer into the data, with * for any item; "" is all of it.' }

export const contractSchemas: Readonly<Record<string, JsonSchemaObject>> = {
  ContractPlan: members({
    service: text,
    verdict,
    types: listOf(
      members({
        topic: text,
        type: text,
        version: whole,
        'revision?': whole,
        change: oneOf('none', 'new-type', 'new-revision', 'new-version', 'schema-dropped', 'absent'),
        verdict,
        findings: listOf(component('ContractFinding')),
        fields: listOf(members({ field, change: oneOf('added', 'removed', 'altered') })),
      }),
    ),
    affected: listOf(
      members({
        topic: text,
        consumer: text,
        service: text,
        as: oneOf('replica', 'handler', 'subscription'),
        types: listOf(text),
        fields: listOf(field),
        known: oneOf('declared', 'observed', 'nothing'),
      }),
    ),
  }),
  ContractFinding: members({
    rule: text,
    path: text,
    'direction?': oneOf('backward', 'forward'),
    'against?': text,
    message: text,
    'witness?': true,
    'undecided?': flag,
  }),
  Contract: members({
    service: text,
    'description?': text,
    compatibility,
    'registered?': members({ at: whole, by: text }),
    topics: listOf(component('ContractTopic')),
  }),
  ContractTopic: members({
    topic: text,
    kind: oneOf('entity', 'event', 'task'),
    'description?': text,
    'key?': text,
    'replies?': flag,
    compatibility,
    types: listOf(
      members({
        type: text,
        'description?': text,
        version: whole,
        versions: listOf(
          members({
            version: whole,
            oldestVersion: whole,
            'current?': whole,
            revisions: listOf(members({ revision: whole, digest: text, at: whole, by: text, 'schema?': schema })),
          }),
        ),
        'schema?': schema,
        'result?': schema,
      }),
    ),
    consumers: listOf(
      members({
        consumer: text,
        service: text,
        as: oneOf('replica', 'handler', 'subscription'),
        'types?': listOf(text),
        'needs?': members({ observed: flag, seenAt: whole, fields: listOf(members({ field, seenAt: whole })) }),
      }),
    ),
  }),
}

export const contractAnswers: Partial<Record<Operation, JsonSchemaObject>> = {
  registerContract: component('ContractPlan'),
  planContract: component('ContractPlan'),
  contract: component('Contract'),
  asyncapi: {
    type: 'object',
    properties: { asyncapi: { const: '3.0.0' } },
    required: ['asyncapi', 'info', 'servers', 'channels', 'operations', 'components'],
  },
  contracts: members({ contracts: listOf(component('Contract')) }),
}
