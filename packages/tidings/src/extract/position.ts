import { formatLsn, type Lsn } from '../capture/lsn.ts'
import { change } from '../capture/session.ts'
import { loadSide, type Side } from './side.ts'

/** Up to where the target has the source's log; a side that was opened begins there. */
export async function beginPosition(source: Side, target: Side): Promise<Lsn | undefined> {
  const row = await loadSide(target)
  if (row?.position !== undefined) return row.position
  const opened = (await loadSide(source))?.opened
  if (opened === undefined || row?.guard === undefined) return undefined
  await change(target.pool, (session) =>
    session.rows(
      'update tidings.extraction_side set position = $4 where name = $1 and role = $2 and guard = $3 and position is null',
      [target.name, target.role, row.guard, formatLsn(opened)],
    ),
  )
  return opened
}
