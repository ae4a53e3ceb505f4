import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Limit } from '../limits/limits.ts'
import { svgOf } from './charts.ts'
import { figureText, markdownOf } from './markdown.ts'
import { storedResults, type Run, type WorkloadResult } from './results.ts'
import type { Table } from './table.ts'

/** Writes `README.md` and its charts from the data in the folder. */
export async function render(folder: string): Promise<void> {
  const results = await storedResults(folder)
  const charts = new Map<string, string>()
  const page = pageOf(results, charts)
  const pictures = join(folder, 'charts')
  await mkdir(pictures, { recursive: true })
  for (const old of await readdir(pictures)) if (!charts.has(old)) await rm(join(pictures, old))
  for (const [name, svg] of charts) await writeFile(join(pictures, name), svg)
  await writeFile(join(folder, 'README.md'), page)
}

/** The text; its charts are put into `charts`, by the names of their files. */
function pageOf(results: readonly WorkloadResult[], charts: Map<string, string>): string {
  const newest = results.map(({ run }) => run).reduce((left, right) => (isLater(right, left) ? right : left))
  const sections = [
    '# What was measured',
    'Written by `npm run bench`; the data is in the `.json` files beside it. A figure is the median of the measured runs, with their range; CPU time is that of the whole box, load generator included. What a share refers to is in the table of limits.',
    machineOf(newest),
    `## The limits of this machine\n\n${limitsOf(newest.limits)}`,
    ...results.map((result) => sectionOf(result, newest, charts)),
  ]
  return `${sections.join('\n\n')}\n`
}

/** Later, or further on in the same run. */
function isLater(left: Run, right: Run): boolean {
  return left.begun === right.begun ? left.limits.length > right.limits.length : left.begun > right.begun
}

function machineOf({ machine, systems, isQuick, begun }: Run): string {
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(0)} GB`
  return [
    `${isQuick ? 'A quick run' : 'A run'} of ${begun.slice(0, 10)}.`,
    '',
    '|  |  |',
    '| --- | --- |',
    `| processor | ${machine.processor}, ${machine.cores} cores |`,
    `| memory | ${gigabytes(machine.memoryBytes)} |`,
    `| disk | ${machine.disk.fileSystem}, ${gigabytes(machine.disk.freeBytes)} free |`,
    `| kernel | ${machine.kernel} |`,
    `| Node | ${machine.node} |`,
    `| open files for a process | ${machine.descriptors} |`,
    ...systems.map(({ name, title, missing }) =>
      missing === undefined ? `| ${name} | ${title} |` : `| ${name} | not run: ${missing} |`,
    ),
  ].join('\n')
}

function limitsOf(limits: readonly Limit[]): string {
  if (limits.length === 0) return 'None was needed.'
  const rows = limits.map(({ id, title, unit, value }) => `| ${id} | ${title} | ${figureText(value)} ${unit} |`)
  return ['|  | at most |  |', '| --- | --- | --: |', ...rows].join('\n')
}

function sectionOf(result: WorkloadResult, newest: Run, charts: Map<string, string>): string {
  const { id, title, run, tables, failure } = result
  const parts = [`## ${id} · ${title}`]
  if (run.begun !== newest.begun) {
    parts.push(`Of another run, ${run.isQuick ? 'a quick one ' : ''}of ${run.begun.slice(0, 10)}, with these limits:`)
    parts.push(limitsOf(run.limits))
  }
  if (failure !== undefined) parts.push(`**It failed:** ${failure}`)
  for (const [place, table] of tables.entries())
    parts.push(...tableOf(table, `${id.toLowerCase()}-${place + 1}`, charts))
  return parts.join('\n\n')
}

function tableOf(table: Table, name: string, charts: Map<string, string>): readonly string[] {
  const pictures = (table.charts ?? []).map((chart, place) => {
    const file = `${name}-${place + 1}.svg`
    charts.set(file, svgOf(chart))
    return `![${chart.title}](charts/${file})`
  })
  return [`### ${table.title}`, ...(table.note === undefined ? [] : [table.note]), markdownOf(table), ...pictures]
}
