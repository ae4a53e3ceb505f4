export { Inbox, type InboxOptions } from './inbox.ts'
export { inboxMigrations } from './migrations.ts'
export { recover, type Recovery } from './recover.ts'
