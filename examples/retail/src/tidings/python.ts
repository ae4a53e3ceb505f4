import { execFileSync } from 'node:child_process'

/** Without what is installed beside Python: what runs with these needs its standard library alone. */
export const standardLibraryOnly: readonly string[] = ['-B', '-S']

/** Python 3.7 or newer, under one of its usual names. */
export function findPython(): { program: string; version: string } | undefined {
  for (const program of process.platform === 'win32' ? ['python', 'py'] : ['python3', 'python']) {
    try {
      const script = 'import sys, sqlite3; assert sys.version_info >= (3, 7); print("%d.%d" % sys.version_info[:2])'
      return {
        program,
        version: execFileSync(program, [...standardLibraryOnly, '-c', script], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        }).trim(),
      }
    } catch {
      // Not there, too old, or without SQLite: the next name.
    }
  }
  return undefined
}
