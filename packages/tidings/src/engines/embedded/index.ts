export { embeddedEngine, type EmbeddedEngineOptions } from './engine.ts'
export { checkBackup, type BackupStream } from './backup-form.ts'
export { restoreStore, type RestoredStore, type RestoreOptions } from './restore.ts'
