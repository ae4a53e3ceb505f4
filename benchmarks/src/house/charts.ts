import { BarChart, LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { LegacyGridContainLabel } from 'echarts/features'
import { SVGRenderer } from 'echarts/renderers'
import { numberText } from './markdown.ts'
import type { Chart } from './table.ts'

use([BarChart, LineChart, GridComponent, LegacyGridContainLabel, LegendComponent, TitleComponent, SVGRenderer])

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
  const height = isBars ? 110 + chart.categories.length * (14 + 16 * chart.series.length) : 380
  const instance = init(null, null, { renderer: 'svg', ssr: true, width, height })
  const values = {
    type: chart.isLogarithmic ? ('log' as const) : ('value' as const),
    name: chart.unit,
    nameLocation: 'middle' as const,
    nameGap: isBars ? 28 : 56,
    nameTextStyle: { color: text },
    axisLabel: { color: text, formatter: (value: number) => numberText(value) },
    splitLine: { lineStyle: { color: line } },
  }
  const categories = {
    type: 'category' as const,
    data: [...chart.categories],
    inverse: isBars,
    axisTick: { show: false },
    axisLine: { lineStyle: { color: line } },
    axisLabel: { color: text, interval: 0 },
  }
  instance.setOption({
    animation: false,
    color: colours,
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: { text: chart.title, left: 8, top: 4, textStyle: { color: text, fontSize: 15, fontWeight: 600 } },
    legend: { show: chart.series.length > 1, top: 30, left: 8, textStyle: { color: text } },
    grid: { left: isBars ? 8 : 24, right: isBars ? 72 : 24, top: 64, bottom: 30, containLabel: true },
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
