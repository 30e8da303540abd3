// A self-contained HTML page with charts drawn on this side: no script, no network, light and dark.
import * as echarts from 'echarts';

/** Colours are CSS variables, so that one SVG serves both themes. */
export const color = {
  first: 'var(--first)',
  second: 'var(--second)',
  third: 'var(--third)',
  fourth: 'var(--fourth)',
  fifth: 'var(--fifth)',
  quiet: 'var(--quiet)',
};

/** The colours of lines, in the order in which they are used. */
export const LINES = [color.first, color.second, color.third, color.fourth, color.fifth];

const LIGHT = {
  page: '#f6f6f4',
  card: '#ffffff',
  ink: '#1b1b1a',
  'ink-soft': '#5c5b57',
  rule: '#e3e2dd',
  first: '#2a78d6',
  second: '#eb6834',
  third: '#1a9a6c',
  fourth: '#8b5cc7',
  fifth: '#c9a21b',
  quiet: '#9a9993',
};
const DARK = {
  page: '#121211',
  card: '#1c1c1a',
  ink: '#f2f1ec',
  'ink-soft': '#b4b3ac',
  rule: '#35342f',
  first: '#4a92e8',
  second: '#e8703f',
  third: '#2cb583',
  fourth: '#a98ada',
  fifth: '#d9b84a',
  quiet: '#86857e',
};

const text = { color: 'var(--ink-soft)', fontSize: 13, fontFamily: 'system-ui, sans-serif' };

/** An axis in the page's colours. */
export function axis(options) {
  return {
    nameTextStyle: text,
    axisLabel: { ...text, hideOverlap: true },
    axisLine: { lineStyle: { color: 'var(--rule)' } },
    axisTick: { show: false },
    splitLine: { show: options.type === 'value', lineStyle: { color: 'var(--rule)' } },
    ...options,
  };
}

/** The x axis of a learning curve. */
export function epochAxis(epochs) {
  return axis({
    type: 'value',
    name: 'epoch',
    nameLocation: 'middle',
    nameGap: 26,
    min: 1,
    max: epochs,
    minInterval: 1,
    splitLine: { show: false },
  });
}

/** A line without dots in the page's style. */
export function line(name, data, lineColor, options = {}) {
  return {
    type: 'line',
    name,
    data,
    symbol: 'none',
    itemStyle: { color: lineColor },
    lineStyle: { color: lineColor, width: 2 },
    ...options,
  };
}

/** Draws an echarts option as SVG text. */
export function chart(option, height = 320) {
  const view = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 920, height });
  view.setOption({
    animation: false,
    grid: { left: 48, right: 16, top: 64, bottom: 48 },
    legend: {
      left: 0,
      top: 0,
      icon: 'roundRect',
      itemWidth: 18,
      itemHeight: 4,
      itemGap: 28,
      textStyle: text,
    },
    silent: true,
    ...option,
  });
  const svg = view.renderToSVGString();
  view.dispose();
  return svg;
}

/**
 * Learning curves: values by epoch, from 1.
 * @param {Record<string, number[]>} lines by their names
 * @param {string} unit of the y axis
 */
export function curves(lines, unit) {
  const epochs = Math.max(...Object.values(lines).map(({ length }) => length));
  return chart({
    xAxis: epochAxis(epochs),
    yAxis: axis({ type: 'value', name: unit, scale: true }),
    series: Object.entries(lines).map(([name, values], i) =>
      line(
        name,
        values.map((value, epoch) => [epoch + 1, value]),
        LINES[i % LINES.length],
      ),
    ),
  });
}

/** An SVG with CSS variables as a file of its own: light, on white. */
export function standalone(svg) {
  return `${svg
    .replace(/var\(--([a-z-]+)\)/g, (_, name) => LIGHT[name])
    .replace('>', '><rect width="100%" height="100%" fill="#ffffff"/>')}\n`;
}

/** A section with a heading, a sentence on what is seen, and the content. */
export function section(heading, note, content) {
  return `<section><h2>${heading}</h2><p>${note}</p>${content}</section>`;
}

/** A table: the first column is a heading, the others are numbers. */
export function table(head, rows) {
  const cells = ([first, ...rest], tag) =>
    `<tr><th scope="row">${first}</th>${rest.map((c) => `<${tag}>${c}</${tag}>`).join('')}</tr>`;
  return `<div class="wide"><table><thead>${cells(head, 'th')}</thead>
<tbody>${rows.map((row) => cells(row, 'td')).join('\n')}</tbody></table></div>`;
}

export function page({ title, lead, figures, sections }) {
  const tiles = figures
    .map(({ value, label }) => `<div><strong>${value}</strong><span>${label}</span></div>`)
    .join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p class="lead">${lead}</p>
<div class="figures">${tiles}</div>
${sections.join('\n')}
</main>
</body>
</html>
`;
}

function variables(colors) {
  return Object.entries(colors)
    .map(([name, value]) => `--${name}: ${value};`)
    .join(' ');
}

const STYLE = `
:root { color-scheme: light dark; ${variables(LIGHT)} }
@media (prefers-color-scheme: dark) { :root { ${variables(DARK)} } }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 960px; margin: 0 auto; padding: 40px 20px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 8px; }
h2 { font-size: 18px; margin: 0; }
p { margin: 2px 0 16px; color: var(--ink-soft); max-width: 70ch; }
.lead { margin-bottom: 24px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 12px; }
.figures div, section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
.figures div { padding: 14px 18px; }
.figures strong { display: block; font-size: 26px; line-height: 1.25; }
.figures span { color: var(--ink-soft); font-size: 14px; }
section { margin-top: 16px; padding: 20px; overflow-x: auto; }
section > svg { display: block; width: 100%; min-width: 600px; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 10px; text-align: right; border-bottom: 1px solid var(--rule); font-weight: 400; }
th:first-child { text-align: left; }
thead th { color: var(--ink-soft); font-size: 14px; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); gap: 12px; }
.wide-figures { grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); }
figure { margin: 0; }
figure svg { display: block; width: 100%; background: var(--page); border-radius: 6px; }
figcaption { font-size: 13px; color: var(--ink-soft); text-align: center; }
`;
