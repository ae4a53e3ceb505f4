import type { RootDatabase } from 'lmdb'

/** What LMDB's own object for an open file answers when a transaction of its writer has ended. */
interface Environment {
  startWriting?(address: number, ended: (status: number) => unknown): unknown
}

const success = 0
const superseded = 1
const callbacks = 2

/**
 * Keeps LMDB from printing the stack of a commit that failed: it rejects with the same error, which becomes one of ours
 * that says what to do. The printing and nothing else happens while the answer is handed over, in one turn, so that
 * nobody else's line is swallowed. A version of LMDB that is built otherwise prints as before.
 */
export function quietCommits(database: RootDatabase<Uint8Array, Uint8Array>): void {
  const { env } = database as unknown as { readonly env?: Environment }
  const startWriting = env?.startWriting?.bind(env)
  if (!env || !startWriting) return
  const quiet: typeof startWriting = (address, ended) =>
    startWriting(address, (status) => {
      if (status === success || status === superseded || status === callbacks) return ended(status)
      /* oxlint-disable no-console -- nothing is printed here; what LMDB would print is left out */
      const print = console.error
      console.error = () => {}
      try {
        return ended(status)
      } finally {
        console.error = print
        /* oxlint-enable no-console */
      }
    })
  // Assigning would fail: the method that it inherits is read-only.
  Object.defineProperty(env, 'startWriting', { value: quiet })
}
