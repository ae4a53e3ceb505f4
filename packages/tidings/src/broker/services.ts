import { TidingsError } from '../errors.ts'
import type { Catalog } from './catalog.ts'
import type { ServiceRegistration } from './port/broker.ts'

/** Notes which database stands behind a service; another one than is known needs `replace`. */
export async function registerService(catalog: Catalog, request: ServiceRegistration): Promise<void> {
  const { service, database, replace } = request
  await catalog.change('service', service, (present) => {
    if (!present || present.database === database || replace) return { service, database }
    throw new TidingsError(
      'service-conflict',
      `The service ${service} is known with another database (${present.database}); this one is ${database}. Check which database this service has opened. If it takes the first one's place, an operator says so by registering it with "replace": tidings services replace ${service} ${database}`,
      { details: { service, known: present.database, database } },
    )
  })
}
