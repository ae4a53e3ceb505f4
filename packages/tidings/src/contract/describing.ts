/**
 * What a new revision of a schema must be to the earlier ones of its version. `backward`: whoever reads by the new one can
 * read what was written by the earlier. `forward`: whoever reads by an earlier one can read what is written by the new.
 * `full`: both. Alone, each is about the newest earlier revision; `-transitive`, about every one.
 */
export type CompatibilityMode =
  | 'none'
  | 'backward'
  | 'forward'
  | 'full'
  | 'backward-transitive'
  | 'forward-transitive'
  | 'full-transitive'

/** `lenient` lets a property come to objects that were open, which nobody but a writer of that very name can notice. */
export type CompatibilityPolicy = 'lenient' | 'strict'

export interface CompatibilitySetting {
  readonly mode: CompatibilityMode
  readonly policy: CompatibilityPolicy
}

/** What people and the registry of contracts are told of a part of a contract. */
export interface Describing {
  /** What it is, for those who look for it. */
  readonly description?: string
  /** What its changes must be; see `CompatibilityMode`. `full-transitive` and `lenient` where nothing is said. */
  readonly compatibility?: Partial<CompatibilitySetting>
}
