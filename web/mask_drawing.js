/** What the mask view paints on its canvases. */

// The inferno colour map (van der Walt and Smith, CC0) at even steps, from cold to hot.
const INFERNO = [
  [0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85],
  [227, 89, 51], [249, 140, 10], [249, 201, 50], [252, 255, 164],
];
const LIGHT = 0xffffffff; // as canvases keep colours: alpha, blue, green, red
const DARK = 0xc0000000;

/**
 * Paint a soft mask in colour over its picture: the hotter a place, the more its colour covers.
 *
 * @param {HTMLCanvasElement} canvas painted from edge to edge
 * @param {Uint8Array} levels row by row, 255 for 1.0
 * @param {ImageBitmap | null} picture without one, the colours stand alone
 */
export function paintHeat(canvas, levels, width, height, picture) {
  const heat = new ImageData(width, height);
  const table = heatTable(picture !== null);
  new Uint32Array(heat.data.buffer).set(Uint32Array.from(levels, (level) => table[level]));
  const layer = new OffscreenCanvas(width, height);
  layer.getContext("2d").putImageData(heat, 0, 0);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (picture) context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  context.drawImage(layer, 0, 0, canvas.width, canvas.height);
}

/** The colour of each level, translucent over a picture. */
function heatTable(translucent) {
  const bytes = new Uint8ClampedArray(4 * 256);
  for (let level = 0; level < 256; level++) {
    const at = (level / 255) * (INFERNO.length - 1);
    const step = Math.min(Math.floor(at), INFERNO.length - 2);
    for (let channel = 0; channel < 3; channel++) {
      const from = INFERNO[step][channel];
      bytes[4 * level + channel] = from + (at - step) * (INFERNO[step + 1][channel] - from);
    }
    // A faint difference is to be seen as well.
    bytes[4 * level + 3] = translucent ? 0.85 * 255 * Math.sqrt(level / 255) : 255;
  }
  return new Uint32Array(bytes.buffer);
}

/**
 * Paint the outline of a mask, light with a dark rim, so that it shows on every picture.
 *
 * @param {HTMLCanvasElement} canvas painted from edge to edge
 * @param {Uint8Array} mask zeros and ones, row by row
 * @param {number} lineWidth in the canvas's pixels, rounded up to an odd number
 */
export function paintOutline(canvas, mask, width, height, lineWidth) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const inside = resized(mask, width, height, image.width, image.height);
  const edge = edgePixels(inside, image.width, image.height);
  const reach = Math.floor(lineWidth / 2);
  stamp(pixels, edge, image.width, image.height, reach + Math.ceil(lineWidth / 2), DARK);
  stamp(pixels, edge, image.width, image.height, reach, LIGHT);
  context.putImageData(image, 0, 0);
}

/** A mask at another size. Where it becomes smaller, the smallest speck still counts. */
function resized(mask, width, height, toWidth, toHeight) {
  const result = new Uint8Array(toWidth * toHeight);
  const columns = Math.max(width, toWidth);
  const rows = Math.max(height, toHeight);
  const fromX = Uint32Array.from({ length: columns }, (_, x) => Math.floor((x * width) / columns));
  const toX = Uint32Array.from({ length: columns }, (_, x) => Math.floor((x * toWidth) / columns));
  for (let y = 0; y < rows; y++) {
    const from = Math.floor((y * height) / rows) * width;
    const to = Math.floor((y * toHeight) / rows) * toWidth;
    for (let x = 0; x < columns; x++) result[to + toX[x]] |= mask[from + fromX[x]];
  }
  return result;
}

/** The places of the mask that are next to the ground or to the picture's border. */
function edgePixels(mask, width, height) {
  const edge = [];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!mask[i]) continue;
      const enclosed =
        x > 0 && x < width - 1 && y > 0 && y < height - 1 &&
        mask[i - 1] && mask[i + 1] && mask[i - width] && mask[i + width];
      if (!enclosed) edge.push(i);
    }
  }
  return edge;
}

/** Colour a square around each place, `reach` pixels to all sides. */
function stamp(pixels, places, width, height, reach, colour) {
  for (const place of places) {
    const x = place % width;
    const y = (place - x) / width;
    const left = Math.max(x - reach, 0);
    const right = Math.min(x + reach, width - 1);
    const bottom = Math.min(y + reach, height - 1);
    for (let row = Math.max(y - reach, 0); row <= bottom; row++) {
      pixels.fill(colour, row * width + left, row * width + right + 1);
    }
  }
}

/**
 * Paint a histogram from 0 at the left edge to 1 at the right one. Heights are logarithmic, so that
 * a small thing is seen beside a large ground.
 *
 * @param {Uint32Array} counts of each level
 * @param {object} marks
 * @param {number} marks.cut what lies to its right is in
 * @param {number} marks.suggestion another cut, dashed
 * @param {{inside: string, outside: string, line: string}} colours
 * @param {number} pixelRatio the canvas's pixels to a CSS pixel
 */
export function paintHistogram(canvas, counts, { cut, suggestion }, colours, pixelRatio) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  const highest = Math.log1p(Math.max(...counts));
  for (let level = 0; level < counts.length; level++) {
    const left = Math.round((level / counts.length) * width);
    const right = Math.round(((level + 1) / counts.length) * width);
    const bar = Math.ceil((Math.log1p(counts[level]) / highest) * height);
    context.fillStyle = level > 255 * cut ? colours.inside : colours.outside;
    context.fillRect(left, height - bar, Math.max(right - left, 1), bar);
  }
  context.strokeStyle = colours.line;
  line(context, suggestion, pixelRatio, [3 * pixelRatio, 3 * pixelRatio]);
  line(context, cut, 2 * pixelRatio, []);
}

/** An upright line at 0 to 1 of the canvas's width. */
function line(context, at, lineWidth, dashes) {
  const { width, height } = context.canvas;
  const x = Math.min(Math.max(at * width, lineWidth / 2), width - lineWidth / 2);
  context.lineWidth = lineWidth;
  context.setLineDash(dashes);
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, height);
  context.stroke();
}
