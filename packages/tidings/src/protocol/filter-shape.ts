import type { SubscriptionFilter } from '../event/index.ts'
import type { Shape } from './shape.ts'
import { record } from './shape.ts'

/**
 * A filter: an object here. The broker reads what is in it, because it compiles it anyway, and names the path of what is
 * wrong. Filters nest, so the description of the API defines them once, as `Filter`.
 */
export function filter(): Shape<SubscriptionFilter> {
  const object = record<unknown>({ schema: {}, read: (value) => value }, 100)
  return {
    schema: { $ref: '#/components/schemas/Filter' },
    read: (value, path) => object.read(value, path),
  }
}
