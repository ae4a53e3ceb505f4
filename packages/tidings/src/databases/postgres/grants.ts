import type { SqlRow, Transaction } from '../../database/index.ts'

interface KeptGrant extends SqlRow {
  readonly oid: string
  readonly name: string
  /** As SQL has it; null where nobody may call the function. */
  readonly grantee: string | null
  readonly grantable: boolean | null
}

/**
 * Who may call the kit's functions, across migrations. A function that gets another parameter is another function for
 * PostgreSQL: the old one is dropped, and what somebody granted or revoked goes with it. So that is kept by the name.
 */
export class FunctionGrants {
  readonly #transaction: Transaction
  #kept: readonly KeptGrant[] | undefined

  constructor(transaction: Transaction) {
    this.#transaction = transaction
  }

  /** Keeps what stands now; the first time only. Functions of which nobody has said anything are as PostgreSQL makes them. */
  async keep(): Promise<void> {
    this.#kept ??= await this.#transaction.query<KeptGrant>(`
      select f.oid::text as oid, f.proname::text as name, a.is_grantable as grantable,
        case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as grantee
      from pg_proc f left join lateral aclexplode(f.proacl) a on a.privilege_type = 'EXECUTE'
      where f.pronamespace = 'tidings'::regnamespace and f.proacl is not null`)
  }

  /** Has the functions that came in the place of others called by those who might call these. */
  async restore(): Promise<void> {
    const kept = this.#kept ?? []
    if (kept.length === 0) return
    const before = new Set(kept.map(({ oid }) => oid))
    const present = await this.#transaction.query<{ oid: string; name: string; signature: string }>(`
      select oid::text as oid, proname::text as name, oid::regprocedure::text as signature
      from pg_proc where pronamespace = 'tidings'::regnamespace`)
    for (const { oid, name, signature } of present) {
      const grants = kept.filter((each) => each.name === name)
      if (before.has(oid) || grants.length === 0) continue
      await this.#transaction.query(`revoke execute on function ${signature} from public`)
      for (const { grantee, grantable } of grants) {
        if (grantee === null) continue
        await this.#transaction.query(
          `grant execute on function ${signature} to ${grantee}${grantable === true ? ' with grant option' : ''}`,
        )
      }
    }
  }
}
