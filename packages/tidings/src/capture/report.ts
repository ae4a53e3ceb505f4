/** Something that a person should know. */
export type CaptureAlarm = { readonly message: string } & (
  | /** Nothing is captured at present; it goes on trying. */
    { readonly alarm: 'failing'; readonly error: unknown }
  /** The broker does not take events; it goes on trying, and the database keeps its log meanwhile. */
  | { readonly alarm: 'broker-failing'; readonly error: unknown }
  /** Part of the log is missing or belongs to another past: everything is published again, in newer versions. */
  | { readonly alarm: 'listing'; readonly sourceepoch: number }
  /** The broker refused an event: copies keep the state before it until the row changes again or everything is listed. Ten a minute, the others are counted. */
  | { readonly alarm: 'refused'; readonly key: string; readonly code: string; readonly reason: string }
  /** Columns came or went; rows that do not change are published with the new ones by `relist()` only. */
  | { readonly alarm: 'columns'; readonly added: readonly string[]; readonly dropped: readonly string[] }
  /** The database keeps more log for this capture than it should. */
  | { readonly alarm: 'retained'; readonly retainedBytes: number }
  /** Changes take longer than they should. */
  | { readonly alarm: 'behind'; readonly behindMs: number }
)

export interface CaptureStats {
  /** Whether the log is being read at present. */
  readonly streaming: boolean
  readonly sourceepoch: number | undefined
  /** Whether the table has yet to be published completely. */
  readonly listing: boolean
  /** Events that the broker took, and that it refused, since this object was created. */
  readonly published: number
  readonly refused: number
  /** How long ago the newest note that has made its way through the log and the broker was written. */
  readonly behindMs: number
  /** Bytes of log after what is at the broker; and that the database keeps because of this capture. */
  readonly lagBytes: number
  readonly retainedBytes: number
  /** PostgreSQL's `wal_status` of the slot; `missing` where there is none. */
  readonly slot: string
}

export type Raise = (alarm: CaptureAlarm) => void
