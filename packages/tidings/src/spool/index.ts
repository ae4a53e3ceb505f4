export type { RefusedEvent, Spool } from '../client/index.ts'
export { fileSpool, type FileSpool, type FileSpoolOptions, type FileSpoolStats } from './file-spool.ts'
