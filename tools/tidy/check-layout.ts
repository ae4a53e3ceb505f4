import { at, type Problem, type RepositoryFile } from './source.ts'

/** Siblings share one skeleton: who knows one engine knows where to look in all of them. */
const skeletons: Readonly<Record<string, readonly string[]>> = {
  'packages/tidings/src/engines/': ['engine.ts', 'index.ts', 'ledger.ts', 'log.ts'],
  'packages/tidings/src/databases/': ['client.ts', 'database.ts', 'index.ts', 'transaction.ts'],
}

export function checkSiblings(files: readonly RepositoryFile[]): readonly Problem[] {
  const paths = new Set(files.map((file) => file.path))
  return Object.entries(skeletons).flatMap(([parent, skeleton]) => {
    const inside = [...paths].filter((path) => path.startsWith(parent))
    const siblings = new Set(inside.map((path) => path.slice(parent.length).split('/')[0]))
    return [...siblings].flatMap((sibling) =>
      skeleton
        .filter((name) => !paths.has(`${parent}${sibling}/${name}`))
        .map((name) => `${parent}${sibling} has no ${name}, as its siblings do`),
    )
  })
}

/** One lock file, at the root, that names no registry: whoever installs chooses where packages come from. */
export function checkLockFile(files: readonly RepositoryFile[]): readonly Problem[] {
  const locks = files.filter((file) => /(^|\/)(package-lock|npm-shrinkwrap)\.json$/.test(file.path))
  const strays = locks
    .filter((file) => file.path !== 'package-lock.json')
    .map((file) => `${file.path} is a second lock file: remove it`)
  const hosts = locks.flatMap((file) =>
    [...file.text.matchAll(/"resolved": "(https?:[^"]*)"/g)]
      .slice(0, 1)
      .map((match) => `${at(file, match.index)} names a registry: run npm install --omit-lockfile-registry-resolved`),
  )
  return [...strays, ...hosts]
}
