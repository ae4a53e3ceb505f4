export { DatabaseWentBack, Inbox } from './inbox.ts'
export { inboxMigrations } from './tables.ts'
export { continuedAt } from './continued.ts'
export { recover } from './recover.ts'
