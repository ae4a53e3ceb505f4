import { failed, ok, type Finding } from './finding.ts'

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return ok('node', `Node ${version} will do.`)
  return failed('node', `Node ${version} is too old.`, 'Install Node 20.19 or later.')
}
