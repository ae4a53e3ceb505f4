import type { Figure } from '../house/rounds.ts'

/** What this machine can do at most, measured in the run that refers to it. */
export interface Limit {
  /** As the tables name it, such as `L1 4 kB`. */
  readonly id: string
  readonly title: string
  readonly unit: string
  readonly value: Figure
}

/** Each is measured when it is first asked for, once in a run, and in a process of its own. */
export interface Limits {
  /** L1: appends of so many bytes that the disk says to have, a second, one after the other. */
  syncs(bytes: 4_096 | 65_536 | 1_048_576): Promise<Limit>
  /** L2: bytes a second to one file that is synchronised after each megabyte, as a group commit does. */
  writes(): Promise<Limit>
  /** L3: messages a second that one thread encodes and checksums, a promise resolved for each; no input or output. */
  codec(bytes: number): Promise<Limit>
  /** L4: messages a second through JSON.parse, through JSON.stringify. */
  json(direction: 'parse' | 'stringify', bytes: number): Promise<Limit>
  /** L6: frames of so many bytes a second over a TCP socket of the loopback to another process that reads them. */
  frames(bytes: number): Promise<Limit>
  /** L7: requests a second that node:http answers, 64 under way. */
  requests(): Promise<Limit>
  /** L7: events of so many bytes a second, in POSTs of 100 that node:http takes in and does nothing with. */
  posts(bytes: number): Promise<Limit>
  /** L8: transactions of one row of 1 kB a second that PostgreSQL commits for so many clients. */
  rowCommits(clients: 1 | 16 | 64): Promise<Limit>
  /** L8: rows of 1 kB a second into PostgreSQL in statements of 500 (`unnest`). */
  unnestInserts(): Promise<Limit>
  /** L8: rows of 1 kB a second into PostgreSQL by COPY. */
  copiedRows(): Promise<Limit>
  /** L8: rows of 200 B a second that PostgreSQL counts (`count(*)`), or hashes as text on one core. */
  scannedRows(how: 'count' | 'hash'): Promise<Limit>
  /** L10: writes of 200 B a second to 10,000 sockets, each in turn. */
  socketWrites(): Promise<Limit>
  /** Everything that was measured so far. */
  measured(): readonly Limit[]
}
