import type { EntityVersion } from '../event/index.ts'
import type { CopyHop, TopicEvent } from './hops.ts'
import { versionIn } from './version-text.ts'

/** What mends a difference. */
export type Mend = {
  /** In a sentence. */
  readonly text: string
} & (
  | { readonly action: 'none' | 'wait' | 'decide' | 'rebuild' }
  /** The owner publishes it again, newer than all before, and newer than `above` where its own counter is behind that. */
  | { readonly action: 'publish-again'; readonly above?: EntityVersion }
  /** The same; what is held of the key is given back to the relay before. */
  | { readonly action: 'release' }
  | { readonly action: 'redrive'; readonly position: string }
)

export const nothing: Mend = { action: 'none', text: 'There is nothing to do.' }

export function publishAgain(above?: string): Mend {
  const version = above === undefined ? undefined : versionIn(above)
  return { action: 'publish-again', text: 'Have the owner publish it again.', ...(version && { above: version }) }
}

/** A copy takes what is newer than what it says that it has; nobody can publish anything newer than what is no version. */
export function againAbove({ version, deletedVersion }: CopyHop, newest: TopicEvent | undefined): Mend {
  const highest = [newest?.version, version, deletedVersion]
    .filter((text) => text !== undefined)
    .sort()
    .at(-1)
  if (highest === undefined || highest === newest?.version) return publishAgain()
  if (versionIn(highest)) return publishAgain(highest)
  const text = 'Rebuild the copy: its version is none, so that nothing is newer. Removing its subscription does that.'
  return { action: 'rebuild', text }
}

export function redrive(position: string): Mend {
  return { action: 'redrive', position, text: 'Mend what it fails at; then redrive it.' }
}

export function wait(text: string): Mend {
  return { action: 'wait', text }
}

export function decide(text: string): Mend {
  return { action: 'decide', text }
}
