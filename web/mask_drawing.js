/** What the mask view paints on its canvases. */

// The inferno colour map (van der Walt and Smith, CC0) at every 15th of the 256 gray values, from
// cold to hot. With these stops no colour between them is off by more than 5 of 255.
const INFERNO = [
  [0, 0, 4], [10, 7, 34], [30, 12, 69], [56, 9, 98], [81, 14, 108], [105, 22, 110],
  [128, 31, 108], [152, 39, 102], [176, 49, 91], [198, 61, 77], [217, 77, 61], [233, 97, 43],
  [244, 121, 24], [250, 148, 7], [252, 176, 20], [248, 205, 55], [242, 234, 105], [252, 255, 164],
];
const LIGHT = 0xffffffff; // as canvases keep colours: alpha, blue, green, red
const DARK = 0xc0000000;

/**
 * Paint a soft mask in colour over its picture.
 *
 * @param {HTMLCanvasElement} canvas painted from edge to edge
 * @param {OffscreenCanvas} layer see heatLayer
 * @param {ImageBitmap | null} picture without one, the colours stand alone
 */
export function paintHeat(canvas, layer, picture) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (picture) context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  context.drawImage(layer, 0, 0, canvas.width, canvas.height);
}

/**
 * A soft mask in colour: the hotter a place, the more its colour covers of a picture under it.
 *
 * @param {Uint8Array} gray row by row, 255 for 1.0
 * @param {boolean} translucent whether there is a picture
 */
export function heatLayer(gray, width, height, translucent) {
  const heat = new ImageData(width, height);
  const table = heatTable(translucent);
  const pixels = new Uint32Array(heat.data.buffer);
  for (let i = 0; i < gray.length; i++) pixels[i] = table[gray[i]];
  const layer = new OffscreenCanvas(width, height);
  layer.getContext("2d").putImageData(heat, 0, 0);
  return layer;
}

/**
 * The colour of each gray value, translucent over a picture, as `heat_overlay` in
 * nodes/adapter/heat_overlay.py has it.
 */
export function heatTable(translucent) {
  const bytes = new Uint8ClampedArray(4 * 256);
  for (let value = 0; value < 256; value++) {
    const at = (value / 255) * (INFERNO.length - 1);
    const step = Math.min(Math.floor(at), INFERNO.length - 2);
    for (let channel = 0; channel < 3; channel++) {
      const from = INFERNO[step][channel];
      bytes[4 * value + channel] = from + (at - step) * (INFERNO[step + 1][channel] - from);
    }
    // A faint difference is to be seen as well.
    bytes[4 * value + 3] = translucent ? 0.85 * 255 * Math.sqrt(value / 255) : 255;
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
  const shown = resized(mask, width, height, image.width, image.height);
  const edge = edgePixels(shown, image.width, image.height);
  const reach = Math.floor(lineWidth / 2);
  stamp(pixels, edge, image.width, image.height, reach + Math.ceil(lineWidth / 2), DARK);
  stamp(pixels, edge, image.width, image.height, reach, LIGHT);
  context.putImageData(image, 0, 0);
}

/** A mask at another size. Where it becomes smaller, one foreground pixel is enough. */
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

/** The foreground pixels that are next to the background or to the picture's border. */
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
 * Draw a histogram from 0 at the left edge to 1 at the right one. Heights are logarithmic, so that
 * a small object is seen beside a large background. The colours are the style sheet's.
 *
 * @param {SVGElement} svg 256 wide and 1 high, with a path for each class set here
 * @param {Uint32Array} counts of each gray value
 * @param {number} threshold what lies to its right is foreground
 * @param {number} suggestion another threshold
 */
export function drawHistogram(svg, counts, threshold, suggestion) {
  const highest = Math.log1p(Math.max(...counts));
  const bars = Array.from(counts, (count, value) => {
    const height = Math.log1p(count) / highest;
    return `M${value},1v${-height}h1v${height}z`;
  });
  const first = bars.findIndex((_, value) => value > 255 * threshold);
  const split = first < 0 ? bars.length : first;
  const line = (at) => `M${256 * at},0v1`;
  const draw = (name, path) => svg.querySelector(`.${name}`).setAttribute("d", path);
  draw("background", bars.slice(0, split).join(""));
  draw("foreground", bars.slice(split).join(""));
  draw("suggestion", line(suggestion));
  draw("line", line(threshold));
}
