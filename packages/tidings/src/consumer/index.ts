export { consume, type ConsumeOptions, type Consumer } from './consume.ts'
export { outcomeOf, reasonOf } from './outcome.ts'
