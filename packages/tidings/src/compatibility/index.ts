export {
  checkCompatibility,
  compatibilityModes,
  type Compatibility,
  type CompatibilityDirection,
  type CompatibilityFinding,
  type CompatibilityNames,
  type CompatibilityQuestion,
} from './check.ts'
export { embedSchema } from './embed.ts'
export type { Validator } from './confirm.ts'
export type { CompatibilityRule } from './rules.ts'
export type { CompatibilityMode, CompatibilityPolicy } from '../contract/index.ts'
export { sampleOf, type Sample, type SampleOptions } from './sample.ts'
