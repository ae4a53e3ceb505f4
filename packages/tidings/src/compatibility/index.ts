export {
  checkCompatibility,
  compatibilityModes,
  type Compatibility,
  type CompatibilityDirection,
  type CompatibilityFinding,
  type CompatibilityMode,
  type CompatibilityPolicy,
  type CompatibilityQuestion,
} from './check.ts'
export type { Validator } from './confirm.ts'
export type { CompatibilityRule } from './rules.ts'
export { sampleOf, type Sample, type SampleOptions } from './sample.ts'
