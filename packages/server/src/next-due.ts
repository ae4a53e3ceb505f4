import { Cron } from 'croner'
import type { NextDue } from 'tidings/broker'

const mostKept = 1_000
const read = new Map<string, Cron>()

/**
 * Reads cron expressions: five fields, six with seconds first, or a name such as `@daily`. Where clocks are set forward,
 * a time that is left out is due when they are; where they are set back, a time of day that comes twice is due once,
 * and what recurs at least hourly goes on through both hours.
 */
export const nextDue: NextDue = ({ expression, timeZone, after }) => {
  const cron = cronOf(expression, timeZone)
  return cron.nextRun(new Date(after))?.getTime()
}

function cronOf(expression: string, timeZone: string): Cron {
  checkTimeZone(timeZone)
  const name = JSON.stringify([expression, timeZone])
  const known = read.get(name)
  if (known) return known
  const cron = newCron(expression, timeZone)
  if (read.size >= mostKept) read.clear()
  read.set(name, cron)
  return cron
}

function newCron(expression: string, timeZone: string): Cron {
  try {
    return new Cron(expression, { timezone: timeZone, paused: true })
  } catch (cause) {
    const reason = (cause as Error).message.replace(/^CronPattern: /, '')
    throw new Error(`"${expression}" is not a cron expression such as "30 8 * * 1-5" (${reason}).`, { cause })
  }
}

function checkTimeZone(timeZone: string): void {
  try {
    Intl.DateTimeFormat('en', { timeZone })
  } catch (cause) {
    throw new Error(`"${timeZone}" is not a time zone; use a name such as Europe/Berlin, or UTC.`, { cause })
  }
}
