import { formatSequence, type EntityVersion } from '../event/index.ts'

/** A version as copies store it: texts that are ordered as versions are. */
export function versionText({ sourceepoch, sequence }: EntityVersion, isPresent = true): string {
  return `${String(sourceepoch).padStart(10, '0')}.${formatSequence(sequence)}${isPresent ? '' : '~'}`
}

/** The version in such a text; nothing where it is none. */
export function versionIn(text: string): EntityVersion | undefined {
  const [, sourceepoch, sequence] = /^(\d{10})\.(\d{20})~?$/.exec(text) ?? []
  return sourceepoch === undefined ? undefined : { sourceepoch: Number(sourceepoch), sequence: sequence! }
}

/** The version as a person reads it: 3, 5.3 in the fifth epoch, and what is none as it is. */
export function shownVersion(text: string): string {
  const version = versionIn(text)
  if (!version) return JSON.stringify(text.slice(0, 60))
  const counter = BigInt(version.sequence).toString()
  return version.sourceepoch === 0 ? counter : `${version.sourceepoch}.${counter}`
}

/** Whether two texts are of one version, of which one may be a deletion. */
export function sameVersion(left: string | undefined, right: string | undefined): boolean {
  return left !== undefined && right !== undefined && left.replace('~', '') === right.replace('~', '')
}
