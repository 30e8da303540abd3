// The plots of docs/benchmarks.md as SVG, on white, so that they can be read on pages of any colour.
import * as echarts from 'echarts';
import { flopOf, shapeOf } from './cases.mjs';
import { driversIn } from './comparison.mjs';
import { drivers } from './drivers.mjs';
import { round3 } from './statistics.mjs';

const kWidth = 960;
const COLORS = {
  sluice: '#86b6ef',
  onednn: '#1a9a6c',
  pytorch: '#eb6834',
  jax: '#8b5cc7',
  onnxruntime: '#c9a21b',
  tfjsWasm: '#8a8983',
};
const OWN = '#2a78d6';
/** Lines of one thread, two, four... */
const THREADS = ['#eb6834', OWN, '#1a9a6c', '#8b5cc7', '#c9a21b', '#8a8983'];
const INK = '#33322f';
const RULE = '#dedcd6';
const text = { color: INK, fontSize: 13, fontFamily: 'sans-serif' };

/**
 * @param {{ kernels?: any }} results
 * @returns {Record<string, string>} SVG by the name of its file; nothing where there is no result
 */
export function plots({ kernels }) {
  if (!kernels) return {};
  const { rows, scaling } = kernels;
  const drawn = {
    'training.svg': comparisonPlot(rows.filter(({ kind }) => kind === 'training')),
    'inference.svg': comparisonPlot(rows.filter(({ kind }) => kind === 'inference')),
    'limits.svg': limitsPlot(rows.filter(({ limits }) => limits.fma)),
    'scaling.svg': scalingPlot(scaling),
  };
  return Object.fromEntries(Object.entries(drawn).filter(([, svg]) => svg !== null));
}

function draw(height, option) {
  const view = echarts.init(null, null, { renderer: 'svg', ssr: true, width: kWidth, height });
  view.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: text,
    silent: true,
    legend: { top: 8, left: 16, itemWidth: 16, itemHeight: 10, itemGap: 32, textStyle: text },
    ...option,
  });
  const svg = view.renderToSVGString();
  view.dispose();
  return `${svg}\n`;
}

const axis = (options) => ({
  nameLocation: 'middle',
  nameTextStyle: text,
  axisLabel: text,
  axisLine: { lineStyle: { color: INK } },
  axisTick: { show: false },
  splitLine: { show: options.type !== 'category', lineStyle: { color: RULE } },
  ...options,
});

const threadCount = (threads) => (Number(threads) === 1 ? '1 thread' : `${threads} threads`);

/** On two lines, so that the names of many cases fit side by side. */
const shortName = (row) => shapeOf(row).replace(/ I/, '\nI');

/** Bars of each driver's time over that of Sluice's native kernels, by case. */
function comparisonPlot(rows) {
  if (rows.length === 0) return null;
  const names = driversIn(rows).filter((name) => name !== 'native');
  const one = { yAxis: 1, lineStyle: { color: OWN, width: 2, type: 'solid' } };
  const series = names.map((name) => ({
    type: 'bar',
    name: drivers[name].label,
    itemStyle: { color: COLORS[name] },
    barGap: 0,
    data: rows.map((row) => row.results[name]?.ratio.native ?? null),
    markLine: { symbol: 'none', label: { show: false }, data: [one] },
  }));
  return draw(420, {
    grid: { left: 80, right: 16, top: 56, bottom: 56 },
    xAxis: axis({
      type: 'category',
      data: rows.map(shortName),
      axisLabel: { ...text, fontSize: 11, interval: 0 },
    }),
    yAxis: axis({
      type: 'log',
      name: 'time / time of Sluice, native (the line)',
      nameGap: 48,
      min: 0.5,
      axisLabel: { ...text, formatter: '{value} ×' },
    }),
    series,
  });
}

/** Bars of Sluice's, the innermost loop's and sgemm's share of the multiply-adds' peak. */
function limitsPlot(rows) {
  const points = rows.flatMap((row) =>
    Object.keys(row.limits.fma).map((threads) => ({ row, threads })),
  );
  if (points.length === 0) return null;
  const bars = [
    { name: 'Sluice', color: OWN, share: ({ fma }, threads) => fma[threads].share },
    {
      name: 'its innermost loop in the first cache',
      color: '#86b6ef',
      share: shareOfPeak('tile'),
    },
    { name: 'sgemm 2048³', color: '#8a8983', share: shareOfPeak('sgemm') },
  ];
  return draw(120 + 44 * points.length, {
    grid: { left: 300, right: 32, top: 48, bottom: 56 },
    yAxis: axis({
      type: 'category',
      inverse: true,
      data: points.map(
        ({ row, threads }) => `${row.kind}, ${shapeOf(row)}, ${threadCount(threads)}`,
      ),
    }),
    xAxis: axis({
      type: 'value',
      name: "share of the thread's peak, %",
      nameGap: 32,
      min: 0,
      max: 100,
    }),
    series: bars.map(({ name, color, share }) => ({
      type: 'bar',
      name,
      itemStyle: { color },
      barGap: 0,
      data: points.map(({ row, threads }) => round3(100 * share(row.limits, threads))),
    })),
  });
}

const shareOfPeak = (kind) => (limits, threads) =>
  (limits[kind]?.[threads]?.gflops ?? 0) / limits.fma[threads].gflops;

/** GFLOP/s by one size at a time: columns of panels; training above inference. */
function scalingPlot(points) {
  if (points.length === 0) return null;
  const axes = { steps: 'T, steps', batch: 'B, rows', units: 'H, units' };
  const panels = ['training', 'inference'].flatMap((kind, row) =>
    Object.entries(axes).map(([size, label], column) => ({ kind, size, label, row, column })),
  );
  const series = panels.flatMap(({ kind, size }, index) => {
    const own = points.filter((point) => point.kind === kind && point.axis === size);
    return Object.keys(own[0]?.ms ?? {}).map((threads, i) => ({
      type: 'line',
      name: threadCount(threads),
      xAxisIndex: index,
      yAxisIndex: index,
      symbolSize: 6,
      itemStyle: { color: THREADS[i % THREADS.length] },
      data: own.map((point) => [point.value, round3(flopOf(point) / point.ms[threads] / 1e6)]),
    }));
  });
  return draw(620, {
    title: panels.map(({ kind, row, column }) => ({
      text: kind,
      textStyle: { ...text, fontWeight: 'bold' },
      left: 64 + column * 304,
      top: 44 + row * 284,
    })),
    grid: panels.map(({ row, column }) => ({
      left: 64 + column * 304,
      top: 76 + row * 284,
      width: 236,
      height: 190,
    })),
    xAxis: panels.map(({ label }, gridIndex) =>
      axis({
        type: 'log',
        logBase: 2,
        name: label,
        nameGap: 26,
        gridIndex,
        min: 'dataMin',
        max: 'dataMax',
      }),
    ),
    yAxis: panels.map(({ column }, gridIndex) =>
      axis({ type: 'value', name: column === 0 ? 'GFLOP/s' : '', nameGap: 40, gridIndex }),
    ),
    series,
  });
}
