/** Why what was captured so far cannot be continued: everything has to be published again, in newer versions. */
export class NewLife extends Error {
  override readonly name = 'NewLife'
  /** Whether the slot still has every change since what was confirmed. */
  readonly keepsSlot: boolean

  constructor(message: string, { keepsSlot }: { readonly keepsSlot: boolean }) {
    super(message)
    this.keepsSlot = keepsSlot
  }
}
