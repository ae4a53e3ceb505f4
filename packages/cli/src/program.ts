import { repeated } from './arguments.ts'
import { TidingsCommand, type RunState } from './command.ts'
import { addAlarms } from './commands/alarms.ts'
import { addBackup } from './commands/backup.ts'
import { addAsyncapi } from './commands/asyncapi.ts'
import { addAudit } from './commands/audit.ts'
import { addCompletion } from './commands/completion.ts'
import { addConsume } from './commands/consume.ts'
import { addContract } from './commands/contract.ts'
import { addContracts } from './commands/contracts.ts'
import { addDeadLetters } from './commands/dead-letters.ts'
import { addDev } from './commands/dev.ts'
import { addDoctor } from './commands/doctor.ts'
import { addExtract } from './commands/extract.ts'
import { addExplain } from './commands/explain.ts'
import { addMove } from './commands/move.ts'
import { addPublish } from './commands/publish.ts'
import { addRestore } from './commands/restore.ts'
import { addSchedules } from './commands/schedules.ts'
import { addRedrives } from './commands/redrives.ts'
import { addRelay } from './commands/relay.ts'
import { addScheduled } from './commands/scheduled.ts'
import { addServer } from './commands/server.ts'
import { addServices } from './commands/services.ts'
import { addSubscriptions } from './commands/subscriptions.ts'
import { addTopics } from './commands/topics.ts'
import { addTrace } from './commands/trace.ts'
import { settingDefaults } from './settings.ts'
import { addVerify } from './commands/verify.ts'
import { commandVersion } from './version.ts'

/** The whole command line. Common options may stand anywhere on it. */
export function createProgram(state: RunState): TidingsCommand {
  const program = new TidingsCommand('tidings', state)
    .description('Tidings carries every change of state to every copy that depends on it, and proves that it arrived.')
    .example('tidings server', 'start a server that keeps its store in ./.data/tidings')
    .example('tidings topics create sales.order-placed', 'make a topic for plain events of the service sales')
    .example(
      'tidings subscriptions create mail.thanks --topic sales.order-placed --from beginning',
      'somebody wants them',
    )
    .example(`tidings publish sales.order-placed '{"order":"o1"}' --key c7`, 'publish one')
    .example('tidings consume mail.thanks --ack', 'take what is there')
    .option('--url <url>', `the server (TIDINGS_URL; ${settingDefaults.url})`)
    .option('--token <token>', 'says who you are, where the server asks (TIDINGS_TOKEN)')
    .option('--namespace <name>', `(TIDINGS_NAMESPACE; ${settingDefaults.namespace})`, repeated)
    .option(
      '--principal <name>',
      `who acts, where the server has no tokens (TIDINGS_PRINCIPAL; ${settingDefaults.principal})`,
    )
    .option('--config <file>', 'settings as JSON (TIDINGS_CONFIG; ~/.config/tidings/config.json)')
    .option('--json', 'answers and errors as JSON, one document a line')
    .option('-q, --quiet', 'say nothing but data, warnings and errors')
    .option('--no-color', 'no colors (NO_COLOR; FORCE_COLOR=1 for the contrary)')
    .option('--no-input', 'never ask')
    .version(commandVersion, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
  addServer(program)
  addDev(program)
  addVerify(program)
  addExtract(program)
  addPublish(program)
  addConsume(program)
  addTopics(program)
  addSubscriptions(program)
  addDeadLetters(program)
  addRedrives(program)
  addScheduled(program)
  addAudit(program)
  addExplain(program)
  addTrace(program)
  addSchedules(program)
  addContract(program)
  addContracts(program)
  addAsyncapi(program)
  addServices(program)
  addRelay(program)
  addAlarms(program)
  addBackup(program)
  addRestore(program)
  addMove(program)
  addDoctor(program)
  addCompletion(program)
  return program
}
