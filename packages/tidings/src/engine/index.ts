export type {
  AppendAnswer,
  AppendRefusal,
  AppendRequest,
  DeduplicationWindow,
  EarlierLife,
  Engine,
  EngineCapabilities,
  EngineStats,
  LatestPage,
  Ledger,
  LedgerChange,
  LedgerEntry,
  LedgerId,
  LedgerOwner,
  LedgerRange,
  Log,
  LogDescription,
  LogPage,
  LogRecord,
  LogSettings,
  Ownership,
  ProducerStamp,
  ProducerState,
  TopicId,
  TopicKind,
  TrimOptions,
} from './port.ts'
export { admit, Refused, sameContent, withoutPayload, type Admission, type AdmissionState } from './admission.ts'
export {
  Batch,
  encodeAll,
  identityName,
  questionsOf,
  type BatchEvent,
  type KnownIdentity,
  type KnownNewest,
  type Loaded,
} from './batch.ts'
export { formatCursor, parseCursor, type LatestCursor } from './cursor.ts'
export { identityHash, IdentityWindow, type IdentityHash, type IdentityMark } from './identities.ts'
export type {
  Arrival,
  DamagedItem,
  Departure,
  EntryItem,
  HeldStore,
  IdentityBounds,
  IdentityItem,
  LedgerItem,
  NewestItem,
  ProducerItem,
  RecordItem,
  StoreItem,
  StoreStanding,
  TopicItem,
} from './transfer.ts'
export { ensureServes, storeMoved } from './standing.ts'
export { Watchers } from './watchers.ts'
