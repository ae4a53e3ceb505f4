import { TidingsError } from 'tidings'
import type { Broker, Caller, ContractDescription } from 'tidings/broker'
import { describeService, type AsyncApiDocument, type ServerAddress } from './document.ts'

export interface ServiceQuestion {
  readonly broker: Broker
  readonly caller: Caller
  readonly service: string
  readonly address: ServerAddress
}

/**
 * The AsyncAPI document of a service, of what the caller may see of contracts. A service that owns nothing has one where
 * it consumes something; rejects as `contract-unknown` where it does neither.
 */
export async function serviceDocument({
  broker,
  caller,
  service,
  address,
}: ServiceQuestion): Promise<AsyncApiDocument> {
  const read = (await broker.contracts(caller)).filter((each) => each.service !== service && isRead(each, service))
  const isConsumer = read.length > 0
  const contract = await broker.contract(caller, service).catch((error: unknown) => {
    if (isConsumer && isUnknown(error)) return nothing(service)
    throw error
  })
  const others = await Promise.all(
    // One that goes away meanwhile is consumed no more.
    read.map((each) =>
      broker.contract(caller, each.service).catch((error: unknown) => {
        if (isUnknown(error)) return nothing(each.service)
        throw error
      }),
    ),
  )
  return describeService({ contract, others, address })
}

function isRead({ topics }: ContractDescription, service: string): boolean {
  return topics.some(({ consumers }) => consumers.some((consumer) => consumer.service === service))
}

function isUnknown(error: unknown): boolean {
  return error instanceof TidingsError && error.code === 'contract-unknown'
}

function nothing(service: string): ContractDescription {
  return { service, compatibility: { mode: 'full-transitive', policy: 'lenient' }, topics: [] }
}
