import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const here = new URL('.', import.meta.url)
const teams = readdirSync(here, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))

/** What a team shares with the others: what they publish, and what starts a process and reads the orders of the year. */
const shared = ['contracts', 'process', 'invoices']

test.each(teams)('%s knows the contracts of the other teams, and nothing else of them', (team) => {
  const programs = readdirSync(new URL(`${team}/`, here)).filter((name) => /(?<!\.test)\.ts$/.test(name))
  const imported = programs.flatMap((name) =>
    [...readFileSync(new URL(`${team}/${name}`, here), 'utf8').matchAll(/\bfrom '(\.[^']+)'/g)].map(
      ([, path = '']) => path,
    ),
  )
  const foreign = imported.filter(
    (path) => !/^\.\/[^/]+$/.test(path) && !shared.some((folder) => path.startsWith(`../../${folder}/`)),
  )
  expect(programs).toContain('main.ts')
  expect(foreign).toEqual([])
})
