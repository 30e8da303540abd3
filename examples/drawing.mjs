// Pictures of ink as SVG.

/** Shades are told apart in so many steps. */
const SHADES = 4;

/**
 * The ink of a picture as SVG paths, one for each shade, for a viewBox of its size.
 * @param {(column: number, row: number) => number} inkAt from 0 to 1
 */
export function inkPaths(width, height, inkAt) {
  const paths = Array.from({ length: SHADES + 1 }, () => '');
  const shadeAt = (column, row) => Math.round(inkAt(column, row) * SHADES);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; ) {
      const shade = shadeAt(column, row);
      const from = column;
      while (column < width && shadeAt(column, row) === shade) column++;
      paths[shade] += `M${from} ${row}h${column - from}v1H${from}z`;
    }
  }
  return paths
    .map((path, shade) => (shade && path ? `<path d="${path}" opacity="${shade / SHADES}"/>` : ''))
    .join('');
}

/** A picture that takes the colour of the text around it. */
export function drawing(width, height, inkAt) {
  return `<svg viewBox="0 0 ${width} ${height}" fill="currentColor" shape-rendering="crispEdges">${inkPaths(width, height, inkAt)}</svg>`;
}
