export { Inbox, Inboxes, type Recovery } from './inbox.ts'
