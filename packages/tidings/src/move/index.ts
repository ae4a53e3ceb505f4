export {
  moveStore,
  takeStoreBack,
  type MoveOptions,
  type MoveProgress,
  type MoveReport,
  type MoveSide,
} from './move.ts'
export type { StoreCounts, TopicCounts } from './tally.ts'
