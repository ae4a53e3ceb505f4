export { Inbox } from './inbox.ts'
export { inboxMigrations } from './migrations.ts'
export { recover } from './recover.ts'
