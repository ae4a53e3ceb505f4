export { attributesOf, eventOfAttributes, isJsonType, type Attributes } from './attributes.ts'
export { formatBinary, headerAttributes, parseBinary, type Header } from './cloudevents-binary.ts'
export { decodeBase64, encodeBase64 } from './base64.ts'
export {
  batchType,
  formatBatch,
  formatStructured,
  parseBatch,
  parseStructured,
  structuredType,
} from './cloudevents-json.ts'
export { appendEvent, decodeEvent, encodeEvent, eventBytes, type ByteTarget } from './codec.ts'
export { deliverAt } from './deliver-at.ts'
export {
  compareVersions,
  formatSequence,
  isTombstone,
  versionOf,
  type AttributeValue,
  type EntityVersion,
  type Event,
} from './event.ts'
export type { AttributeTexts, FilterExpression, SubscriptionFilter } from './filter.ts'
export { checkJson, jsonText, JsonSyntaxError, parseJson } from './json-slices.ts'
export { comparePositions, formatPosition, parsePosition, type Position } from './position.ts'
export { hasControlCharacter, hasLoneSurrogate, validateKey, validateName } from './names.ts'
