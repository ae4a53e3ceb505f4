import { contractDocument, type JsonSchema } from 'tidings'
import { crm } from '../contracts/crm.ts'
import { operator, ownerOfCustomers } from '../tidings/copies.ts'
import type { Stage } from '../tidings/stage.ts'
import { addressOf, changedBy, until, type Saboteur } from './saboteur.ts'

const { topic, deleted } = crm.customer

/** Mistyped addresses are corrected, and each correction is lost on its way from the transaction to the topic. Answers what ends that. */
export async function breakOwner(saboteur: Saboteur): Promise<() => Promise<void>> {
  const { stage } = saboteur
  const schemaBack = await refuseAddresses(saboteur)
  stage.gate?.cut()
  await saboteur.each('cut', (key) => saboteur.correct(key, { email: addressOf(key) }))
  await saboteur.each('taken-out', async (key) => {
    await saboteur.correct(key, { email: addressOf(key) })
    const takeOut = 'delete from tidings_outbox where topic = ? and key = cast(? as blob)'
    return changedBy(stage, 'crm', takeOut, [topic, key])
  })
  await saboteur.each('around', (key) =>
    changedBy(stage, 'crm', 'update customers set email = ? where id = ?', [addressOf(key), key]),
  )
  return async () => {
    await schemaBack()
    stage.gate?.mend()
  }
}

/** The server gets a schema that no address of this shop satisfies. */
async function refuseAddresses(saboteur: Saboteur): Promise<() => Promise<void>> {
  const { stage, targets } = saboteur
  const email = { type: 'string', pattern: '@example\\.org$' }
  const strict = { type: 'object', properties: { email } }
  await register(stage, strict)
  await saboteur.each('refused', (key) => saboteur.correct(key, { email: addressOf(key) }))
  const owner = await ownerOfCustomers(stage)
  await until('the server has refused the corrections', async () => {
    const standings = await owner.standing(targets.refused)
    return standings.every(({ held }) => held.length > 0)
  })
  return () => register(stage, undefined)
}

/** Registers the contract of the CRM, with a schema in place of those of its customers where one is given. */
async function register({ broker }: Stage, schema: JsonSchema | undefined): Promise<void> {
  const contract = contractDocument(crm)
  const topics = contract.topics.map((each) => {
    const types = each.types.map((type) => (schema && type.type !== deleted.type ? { ...type, schema } : type))
    return each.topic === topic ? { ...each, types } : each
  })
  await broker.registerContract(operator, { ...contract, topics, compatibility: { mode: 'none' } })
}
