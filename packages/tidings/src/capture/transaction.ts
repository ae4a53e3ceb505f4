import { partOf, firstOf, type Lsn } from './lsn.ts'
import type { LogMessage, OldTuple, Tuple } from './pgoutput.ts'
import type { RowForm } from './row-form.ts'

/** What became of one key in a transaction, or in a part of it. */
export interface Change {
  readonly key: string
  /** Whether there was a row of this key before. */
  readonly existed: boolean
  /** The last state; `undefined` when the row is gone. */
  readonly row: Tuple | undefined
  readonly form: RowForm
  readonly part: number
}

export type RowMessage = Extract<LogMessage, { kind: 'insert' | 'update' | 'delete' }>

/**
 * Collects the changes of the table in one transaction. Of several changes of a key the last one counts. A transaction
 * that is larger than memory is taken piece by piece: what is taken ends where a part ends, so that a later change of
 * the same key has a newer version.
 */
export class TransactionChanges {
  readonly commit: Lsn
  readonly committedAt: number
  readonly xid: number
  /** How many changes of the table the transaction has had. */
  #count = 0
  #changes = new Map<string, Change>()

  constructor({ commit, committedAt, xid }: { commit: Lsn; committedAt: number; xid: number }) {
    this.commit = commit
    this.committedAt = committedAt
    this.xid = xid
  }

  /** Whether the table was changed at all. */
  get hasChanges(): boolean {
    return this.#count > 0
  }

  get size(): number {
    return this.#changes.size
  }

  /** Whether what was collected may be taken although the transaction goes on. */
  get endsPart(): boolean {
    return partOf(this.#count) !== partOf(this.#count - 1)
  }

  add(message: RowMessage, form: RowForm): void {
    if (message.kind === 'insert') this.#put(form, message.row, false)
    else if (message.kind === 'delete') this.#remove(form, message.old)
    else this.#update(form, message.old, message.row)
    this.#count += 1
  }

  /** Forgets what was collected, because the table was emptied after it; answers the part that this belongs to. */
  truncate(): number {
    this.#changes.clear()
    const part = partOf(this.#count) + 1
    // Alone in its part: what comes after it is newer than the tombstones.
    this.#count = firstOf(part + 1)
    if (partOf(this.#count) === part) throw new Error('One transaction has emptied the table too often.')
    return part
  }

  /** Takes what was collected. */
  take(): readonly Change[] {
    const changes = [...this.#changes.values()]
    this.#changes = new Map()
    return changes
  }

  #update(form: RowForm, old: OldTuple | undefined, row: Tuple): void {
    // Values that are stored apart and did not change are in the old row, if that is complete.
    const complete = old?.complete ? row.map((value, place) => (value === undefined ? old.row[place] : value)) : row
    const before = old && form.key(old.row)
    // Of a key that is stored apart, the old row has the value.
    const key = form.key(complete) ?? before
    if (before === undefined || before === key) return this.#put(form, complete, true, key)
    this.#set({ key: before, existed: true, row: undefined, form })
    this.#put(form, complete, false, key)
  }

  #put(form: RowForm, row: Tuple, existed: boolean, key = form.key(row)): void {
    if (key === undefined) throw new Error('The log has a row without its key.')
    const before = this.#changes.get(key)
    // A value that did not change in this change is that of the change before.
    const same = before?.form === form ? before.row : undefined
    this.#set({
      key,
      existed,
      row: same ? row.map((value, place) => (value === undefined ? same[place] : value)) : row,
      form,
    })
  }

  #remove(form: RowForm, old: OldTuple): void {
    const key = form.key(old.row)
    if (key === undefined) throw new Error('The log has a deleted row without its key.')
    this.#set({ key, existed: true, row: undefined, form })
  }

  #set(change: Omit<Change, 'part'>): void {
    const existed = this.#changes.get(change.key)?.existed ?? change.existed
    this.#changes.set(change.key, { ...change, existed, part: partOf(this.#count) })
  }
}
