/** What the words behind `npm run bench --` ask for. */
export interface Asked {
  /** Ids of workloads, in the order of the report; all where it is empty. */
  readonly only: readonly string[]
  /** Beginnings of the names of peers; all where it is absent, none where it is empty. */
  readonly peers?: readonly string[]
  readonly isQuick: boolean
  /** The folder for the report and its data. */
  readonly out?: string
  /** Writes the report again, from the data that is there. */
  readonly isRendering: boolean
}

const usage = [
  'npm run bench -- [--only W1,W3] [--peers nats,redis | --peers none] [--quick] [--out FOLDER]',
  'npm run bench -- --render [--out FOLDER]',
].join('\n')

/** Says what is wrong, in an error for whoever typed it. */
export function askedBy(
  words: readonly string[],
  known: { readonly workloads: readonly string[]; readonly peers: readonly string[] },
): Asked {
  const given = new Map<string, string>()
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (word === '--quick' || word === '--render') given.set(word, '')
    else if (word === '--only' || word === '--peers' || word === '--out') {
      const value = words[++at]
      if (value === undefined || value.startsWith('--')) throw refusal(`${word} needs a value`)
      given.set(word, value)
    } else throw refusal(`There is no ${word} here`)
  }
  const only = listOf(given.get('--only') ?? '').map((id) => id.toUpperCase())
  const unknown = only.find((id) => !known.workloads.includes(id))
  if (unknown !== undefined) {
    throw refusal(`There is no workload ${unknown}; there are ${known.workloads.join(', ')}`)
  }
  const peers = given.has('--peers') ? peersOf(given.get('--peers')!, known.peers) : undefined
  const out = given.get('--out')
  return {
    only,
    isQuick: given.has('--quick'),
    isRendering: given.has('--render'),
    ...(peers && { peers }),
    ...(out !== undefined && { out }),
  }
}

function peersOf(text: string, known: readonly string[]): readonly string[] {
  if (text === 'none') return []
  const peers = listOf(text)
  const unknown = peers.find((peer) => !known.some((name) => name.startsWith(peer)))
  if (unknown !== undefined) throw refusal(`There is no peer ${unknown}; there are ${known.join(', ')}, and none`)
  return peers
}

function listOf(text: string): readonly string[] {
  return text.split(',').flatMap((word) => word.trim() || [])
}

/** Shown without a stack: it is about the words, not about the program. */
export class WordsRefused extends Error {}

function refusal(what: string): WordsRefused {
  return new WordsRefused(`${what}.\n${usage}`)
}
