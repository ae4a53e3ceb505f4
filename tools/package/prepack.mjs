/** Gives a package, as it is packed, the licence and the README of the repository. npm runs it in the package's folder. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'

for (const file of ['LICENSE', 'README.md']) copyFileSync(join(import.meta.dirname, '../..', file), file)
