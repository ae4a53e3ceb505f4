export { Inbox } from './inbox.ts'
export { inboxMigrations } from './migrations.ts'
export { continuedAt } from './continued.ts'
export { recover } from './recover.ts'
