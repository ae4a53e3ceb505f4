export { decodeEvent, encodeEvent } from './codec.ts'
export {
  compareVersions,
  formatSequence,
  isTombstone,
  versionOf,
  type AttributeValue,
  type EntityVersion,
  type Event,
} from './event.ts'
export { comparePositions, formatPosition, parsePosition, type Position } from './position.ts'
export { hasLoneSurrogate, validateKey, validateName } from './names.ts'
