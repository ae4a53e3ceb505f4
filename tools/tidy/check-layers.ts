import { posix } from 'node:path'
import { layers, packageArrows, type Layer } from './layers.ts'
import { at, importsOf, isCode, isTest, type Import, type Problem, type RepositoryFile } from './source.ts'

const library = 'packages/tidings/src/'
const everywhere = ['errors', 'environment']

/** Every import that the table of layers does not allow. Tests may use the whole of their own package. */
export function checkLayers(files: readonly RepositoryFile[]): readonly Problem[] {
  return files.filter(isCode).flatMap((file) => importsOf(file).flatMap((found) => checkImport(file, found)))
}

function checkImport(file: RepositoryFile, found: Import): readonly Problem[] {
  const reason = found.specifier.startsWith('.')
    ? relativeReason(file.path, found.specifier)
    : packageReason(file.path, found.specifier)
  return reason === undefined ? [] : [`${at(file, found.start)} imports ${found.specifier}: ${reason}`]
}

function relativeReason(path: string, specifier: string): string | undefined {
  const target = posix.join(posix.dirname(path), specifier)
  if (packageOf(target) !== packageOf(path)) return 'another package is reached by its name, through its doors'
  if (!path.startsWith(library) || isTest(path)) return undefined
  const from = layerOf(path)
  const to = layerOf(target)
  if (!from) return 'its folder is not in tools/tidy/layers.ts: add a row'
  if (!to) return 'the folder that it imports is not in tools/tidy/layers.ts: add a row'
  if (from === to || from.imports === 'anything' || everywhere.includes(to.path)) {
    return from.path === 'errors' || (from.path === 'environment' && to !== from)
      ? `${from.path} imports nothing`
      : undefined
  }
  return from.imports.includes(to.path) ? undefined : `${from.path} may import ${list(from.imports)}, not ${to.path}`
}

function packageReason(path: string, specifier: string): string | undefined {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  if (name === 'tidings' || name.startsWith('@tidings/')) return ownPackageReason(path, name)
  if (!path.startsWith(library) || isTest(path)) return undefined
  const layer = layerOf(path)
  if (specifier.startsWith('node:')) {
    return layer?.node
      ? undefined
      : `${layer?.path ?? path} runs in browsers too: use Web APIs, or move it to a layer that may use Node`
  }
  return layer?.packages?.includes(name)
    ? undefined
    : 'the library has no runtime dependency: let the user bring the client'
}

function ownPackageReason(path: string, name: string): string | undefined {
  if (name === '@tidings/tools') {
    return isTest(path) || path === 'vitest.config.ts' ? undefined : '@tidings/tools is for tests'
  }
  const home = Object.keys(packageArrows).find((folder) => path.startsWith(`${folder}/`))
  const allowed = home === undefined ? [] : (packageArrows[home] ?? [])
  return allowed.includes(name) || isTest(path) ? undefined : `${home ?? path} may use ${list(allowed)}, not ${name}`
}

/** The row that governs a file: the one with the longest path. */
function layerOf(path: string): Layer | undefined {
  const inside = path.slice(library.length).replace(/\.ts$/, '')
  const matching = layers.filter((layer) => inside === layer.path || inside.startsWith(`${layer.path}/`))
  return matching.toSorted((left, right) => right.path.length - left.path.length)[0]
}

function packageOf(path: string): string {
  const [top = '', second = ''] = path.split('/')
  return top === 'packages' || top === 'examples' ? `${top}/${second}` : top
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(', ')
}
