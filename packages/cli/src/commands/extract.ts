import type { TidingsCommand } from '../command.ts'
import { addExtractEnd } from './extract-end.ts'
import { addExtractFollow } from './extract-follow.ts'
import { addExtractSwitch } from './extract-switch.ts'

export function addExtract(program: TidingsCommand): void {
  const extract = program
    .command('extract')
    .description(
      'Takes tables out of a PostgreSQL database that others share, into one of their own: fill and follow, compare, switch the writers, follow back. The way back stays open until you finish.',
    )
    .example(
      'tidings extract start --from postgres://shop@db/shop --to postgres://sales@db2/sales --table customer --table invoice',
      'begin, and follow until interrupted',
    )
    .example('tidings extract status', 'where it stands, and what comes next (with TIDINGS_FROM and TIDINGS_TO)')
  addExtractFollow(extract)
  addExtractSwitch(extract)
  addExtractEnd(extract)
}
