import { BarChart, LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { numberText } from './markdown.ts'
import type { Chart } from './table.ts'

use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])

const width = 760
const text = '#1f2328'
const line = '#d1d9e0'
/** They stand out from a light ground and from a dark one. */
const colours = ['#2f81f7', '#e0823d', '#3fa266', '#a371f7', '#d64d57', '#0a9aa8', '#b5932a', '#7d8590']

/** Where the reader's system is dark, what is written turns light; the ground is the page's own. */
const dark = `<style>@media (prefers-color-scheme: dark){[fill="${text}"]{fill:#e6edf3}[stroke="${line}"]{stroke:#3d444d}}</style>`

/** As a file of its own. */
export function svgOf(chart: Chart): string {
  const isBars = chart.kind === 'bars'
  const hasLegend = chart.series.length > 1
  const top = hasLegend ? 64 : 40
  const height = isBars ? top + 56 + chart.categories.length * (14 + 18 * chart.series.length) : 380
  // No text can be measured here; seven pixels are enough for a letter.
  const names = Math.min(300, 7 * Math.max(...chart.categories.map(({ length }) => length)))
  const instance = init(null, null, { renderer: 'svg', ssr: true, width, height })
  const values = {
    type: chart.isLogarithmic ? ('log' as const) : ('value' as const),
    name: chart.unit,
    nameLocation: 'middle' as const,
    nameGap: isBars ? 28 : 56,
    nameTextStyle: { color: text },
    axisLabel: { color: text, formatter: (value: number) => value.toLocaleString('en', { maximumFractionDigits: 4 }) },
    splitLine: { lineStyle: { color: line } },
  }
  const categories = {
    type: 'category' as const,
    data: [...chart.categories],
    inverse: isBars,
    axisTick: { show: false },
    axisLine: { lineStyle: { color: line } },
    axisLabel: { color: text, interval: 0, ...(isBars && { width: names, overflow: 'break' as const }) },
  }
  instance.setOption({
    animation: false,
    color: colours,
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: { text: chart.title, left: 8, top: 4, textStyle: { color: text, fontSize: 15, fontWeight: 600 } },
    legend: { show: hasLegend, itemGap: 24, top: 30, left: 8, textStyle: { color: text } },
    grid: { left: isBars ? names + 20 : 84, right: isBars ? 76 : 24, top, bottom: isBars ? 48 : 32 },
    xAxis: isBars ? values : categories,
    yAxis: isBars ? categories : values,
    series: chart.series.map(({ name, values }) =>
      isBars
        ? {
            type: 'bar',
            name,
            data: [...values],
            barMaxWidth: 18,
            label: {
              show: true,
              position: 'right',
              color: text,
              fontSize: 11,
              formatter: ({ value }: { value: unknown }) => (typeof value === 'number' ? numberText(value) : ''),
            },
          }
        : { type: 'line', name, data: [...values], symbol: 'circle', symbolSize: 7, connectNulls: true },
    ),
  })
  const svg = instance.renderToSVGString()
  instance.dispose()
  return `${svg.replace(/(<svg[^>]*>)/, `$1${dark}`)}\n`
}
