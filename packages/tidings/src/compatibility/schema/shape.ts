import type { Assertion, Node } from './node.ts'

/** The schemas inside an assertion, and everything else that it says as a text. */
export function shapeOf(assertion: Assertion): { readonly nodes: readonly Node[]; readonly shape: string } {
  const { nodes, said } = partsOf(assertion)
  return { nodes, shape: `${assertion.keyword} ${JSON.stringify(said)}` }
}

interface Parts {
  readonly nodes: readonly Node[]
  readonly said?: unknown
}

function partsOf(assertion: Assertion): Parts {
  switch (assertion.keyword) {
    case 'never':
    case 'uniqueItems':
      return { nodes: [] }
    case 'type':
      return { nodes: [], said: [...assertion.types].sort() }
    case 'enum':
    case 'const':
      return { nodes: [], said: assertion.values }
    case 'pattern':
      return { nodes: [], said: assertion.pattern.source }
    case 'format':
      return { nodes: [], said: assertion.format }
    case 'required':
      return { nodes: [], said: assertion.names.toSorted() }
    case 'unknown':
      return { nodes: [], said: assertion.said }
    case 'allOf':
    case 'anyOf':
    case 'oneOf':
      return { nodes: assertion.parts }
    case '$ref':
      return { nodes: [assertion.target] }
    case 'not':
      return { nodes: [assertion.inner] }
    case 'if':
      return conditionalParts(assertion)
    case 'unevaluated':
      return { nodes: [assertion.rest], said: assertion.of }
    case 'prefixItems':
    case 'items':
    case 'contains':
      return itemParts(assertion)
    case 'properties':
    case 'patternProperties':
    case 'additionalProperties':
    case 'unevaluatedProperties':
    case 'propertyNames':
    case 'dependentRequired':
    case 'dependentSchemas':
      return propertyParts(assertion)
    default:
      return { nodes: [], said: assertion.limit }
  }
}

function conditionalParts({ condition, then, otherwise }: Extract<Assertion, { keyword: 'if' }>): Parts {
  return { nodes: [condition, then, otherwise].filter((node) => node !== undefined), said: [!!then, !!otherwise] }
}

function itemParts(assertion: Extract<Assertion, { keyword: 'prefixItems' | 'items' | 'contains' }>): Parts {
  if (assertion.keyword === 'prefixItems') return { nodes: assertion.prefix }
  if (assertion.keyword === 'items') return { nodes: [assertion.item], said: assertion.from }
  return { nodes: [assertion.item], said: [assertion.min, String(assertion.max)] }
}

function propertyParts(
  assertion: Extract<
    Assertion,
    {
      keyword:
        | 'properties'
        | 'patternProperties'
        | 'additionalProperties'
        | 'unevaluatedProperties'
        | 'propertyNames'
        | 'dependentRequired'
        | 'dependentSchemas'
    }
  >,
): Parts {
  switch (assertion.keyword) {
    case 'properties':
      return byName(assertion.properties)
    case 'dependentSchemas':
      return byName(assertion.schemas)
    case 'patternProperties': {
      return byName(new Map(assertion.patterns.map(({ pattern, node }) => [pattern.source, node])))
    }
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const patterns = assertion.patterns.map(({ source }) => source).sort()
      return { nodes: [assertion.rest], said: [[...assertion.names].sort(), patterns] }
    }
    case 'propertyNames':
      return { nodes: [assertion.name] }
    case 'dependentRequired':
      return { nodes: [], said: [...assertion.names].map(([name, needed]) => [name, needed.toSorted()]).sort() }
  }
}

function byName(nodes: ReadonlyMap<string, Node>): Parts {
  const sorted = [...nodes].sort(([left], [right]) => (left < right ? -1 : 1))
  return { nodes: sorted.map(([, node]) => node), said: sorted.map(([name]) => name) }
}
