import type { Transaction } from '../database/index.ts'
import type { OutboxStatements } from './tables.ts'

/** Somebody else has become the owner of the relay: what this one was about to change stays as it is. */
export class Replaced extends Error {
  override readonly name = 'Replaced'

  constructor() {
    super('Another process owns the relay.')
  }
}

/** Rejects as `Replaced` inside a transaction unless the owner with this epoch is the present one, who stays it until its end. */
export async function ensureOwner(
  transaction: Transaction,
  {
    statements,
    epoch,
  }: { readonly statements: Pick<OutboxStatements, 'holdOwner'>; readonly epoch: number | undefined },
): Promise<void> {
  const [owner] = await transaction.query<{ epoch: number }>(statements.holdOwner)
  if (epoch === undefined || owner?.epoch !== epoch) throw new Replaced()
}
