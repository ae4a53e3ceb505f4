import { crm } from '../contracts/crm.ts'
import { operator, ownerOfCustomers } from '../tidings/copies.ts'
import type { Stage } from '../tidings/stage.ts'
import { addressOf, changedBy, until, type Saboteur } from './saboteur.ts'

const { topic, created, updated, deleted } = crm.customer

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
  const before = await stage.broker.topic(operator, topic)
  const email = { type: 'string', pattern: '@example\\.org$' }
  const strict = { type: 'object', properties: { email } }
  await putSchemas(stage, { [created.type]: strict, [updated.type]: strict, [deleted.type]: true })
  await saboteur.each('refused', (key) => saboteur.correct(key, { email: addressOf(key) }))
  const owner = await ownerOfCustomers(stage)
  await until('the server has refused the corrections', async () => {
    const standings = await owner.standing(targets.refused)
    return standings.every(({ held }) => held.length > 0)
  })
  return () => putSchemas(stage, before.schemas)
}

async function putSchemas(
  { broker }: Stage,
  schemas: Awaited<ReturnType<Stage['broker']['topic']>>['schemas'],
): Promise<void> {
  await broker.putTopic(operator, { topic, kind: 'entity', owner: 'crm', ...(schemas && { schemas }) })
}
