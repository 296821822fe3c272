/**
 * The binary stage of Mask Refine on typed arrays: the same steps in the same order as
 * `binary_stage` in diffedit_core/refine.py, so that the editor shows what the next run gives.
 *
 * A mask is a Uint8Array of zeros and ones, row by row, with the picture's width and height.
 */

/**
 * @typedef {object} Settings the widgets of Mask Refine from method to grow, by their names
 * @typedef {Object<string, number>} Cuts the cut (0..1) of each automatic method, from the server
 */

/**
 * @param {Uint8Array} levels the soft mask, 255 for 1.0
 * @param {number} cut see findCut
 * @param {Settings} settings
 * @returns {Uint8Array} the mask
 */
export function binaryStage(levels, width, height, cut, settings) {
  const size = [width, height];
  let mask = above(levels, cut);
  if (settings.hysteresis) {
    const wider = above(levels, (1 - settings.hysteresis) * cut);
    mask = touchedBy(wider, mask, ...size);
  }
  if (settings.open) {
    mask = grow(grow(mask, -settings.open, ...size), settings.open, ...size);
  }
  if (settings.close) {
    mask = grow(grow(mask, settings.close, ...size), -settings.close, ...size);
  }
  if (settings.fill_holes) mask = filled(mask, ...size);
  if (settings.min_area) {
    mask = withoutSpecks(mask, (settings.min_area / 100) * mask.length, ...size);
  }
  if (settings.keep_largest) mask = largest(mask, settings.keep_largest, ...size);
  return grow(mask, settings.grow, ...size);
}

/** How many pixels have each of the 256 values of a Uint8Array. */
export function histogram(pixels) {
  const counts = new Uint32Array(256);
  for (let i = 0; i < pixels.length; i++) counts[pixels[i]]++;
  return counts;
}

/**
 * Where to cut (0..1): at `threshold`, above the darkest share `threshold` of the picture, or where
 * the server's automatic method does.
 *
 * @param {Uint32Array} counts the histogram
 * @param {Cuts} cuts
 */
export function findCut(counts, { method, threshold }, cuts) {
  if (method === "value") return threshold;
  if (method !== "quantile") return cuts[method];
  const pixels = counts.reduce((sum, count) => sum + count);
  let level = 0;
  for (let darker = counts[0]; darker < threshold * pixels; darker += counts[level]) level++;
  return (level + 0.5) / 255;
}

function above(levels, cut) {
  const limit = 255 * cut;
  const mask = new Uint8Array(levels.length);
  for (let i = 0; i < levels.length; i++) mask[i] = levels[i] > limit ? 1 : 0;
  return mask;
}

/** The parts of the mask that hold at least one pixel of `seeds`. */
function touchedBy(mask, seeds, width, height) {
  const { parts, count } = label(mask, width, height, true);
  const kept = new Uint8Array(count + 1);
  for (let i = 0; i < seeds.length; i++) if (seeds[i]) kept[parts[i]] = 1;
  return chosen(parts, kept);
}

/** The mask with the ground that is cut off from the picture's border. */
function filled(mask, width, height) {
  const { parts, count } = label(inverted(mask), width, height, false);
  const hole = new Uint8Array(count + 1).fill(1); // part 0, the mask itself, stays in
  const outside = (i) => {
    if (parts[i]) hole[parts[i]] = 0;
  };
  for (let x = 0; x < width; x++) {
    outside(x);
    outside((height - 1) * width + x);
  }
  for (let y = 0; y < height; y++) {
    outside(y * width);
    outside(y * width + width - 1);
  }
  return chosen(parts, hole);
}

/** The mask without its parts of fewer than `minArea` pixels. */
function withoutSpecks(mask, minArea, width, height) {
  const { parts, count } = label(mask, width, height, true);
  const kept = areas(parts, count).map((area) => area >= minArea);
  kept[0] = 0;
  return chosen(parts, kept);
}

/** The `wanted` largest parts; of equal ones, those that begin further up, then further left. */
function largest(mask, wanted, width, height) {
  const { parts, count } = label(mask, width, height, true);
  const area = areas(parts, count);
  const order = Array.from({ length: count }, (_, i) => i + 1);
  order.sort((a, b) => area[b] - area[a]); // stable: parts are numbered from the top
  const kept = new Uint8Array(count + 1);
  for (const part of order.slice(0, wanted)) kept[part] = 1;
  return chosen(parts, kept);
}

/**
 * The mask widened by a disc of `radius` pixels, or shrunk where it is negative. What lies outside
 * the picture counts as mask when it shrinks.
 *
 * A pixel is within the radius if, in one of the columns around it, the nearest mask pixel is: so
 * one pass finds the distance up or down to the mask, and a second one how far that reaches
 * sideways. Both take the same time for every radius, and all numbers are whole.
 */
function grow(mask, radius, width, height) {
  if (radius < 0) return inverted(grow(inverted(mask), -radius, width, height));
  if (radius === 0) return mask;
  const vertical = verticalDistances(mask, radius, width, height);
  const reach = halfWidths(radius);
  const grown = new Uint8Array(mask.length);
  for (let row = 0; row < mask.length; row += width) {
    let end = -1;
    for (let x = 0; x < width; x++) {
      const distance = vertical[row + x];
      if (distance <= radius && x + reach[distance] > end) end = x + reach[distance];
      if (x <= end) grown[row + x] = 1;
    }
    end = width;
    for (let x = width - 1; x >= 0; x--) {
      const distance = vertical[row + x];
      if (distance <= radius && x - reach[distance] < end) end = x - reach[distance];
      if (x >= end) grown[row + x] = 1;
    }
  }
  return grown;
}

/** How far it is from each pixel straight up or down to the mask; `radius + 1` for any further. */
function verticalDistances(mask, radius, width, height) {
  const far = radius + 1;
  const distances = new Uint16Array(mask.length);
  for (let i = 0; i < mask.length; i++) {
    const before = i < width ? far : distances[i - width];
    distances[i] = mask[i] ? 0 : Math.min(before + 1, far);
  }
  for (let i = mask.length - 1 - width; i >= 0; i--) {
    distances[i] = Math.min(distances[i], distances[i + width] + 1);
  }
  return distances;
}

/** Half the width of a disc at each distance from its centre. */
function halfWidths(radius) {
  const widths = new Uint16Array(radius + 1);
  let width = radius;
  for (let distance = 0; distance <= radius; distance++) {
    while (width * width + distance * distance > radius * radius) width--;
    widths[distance] = width;
  }
  return widths;
}

/**
 * Number the parts of a mask in the order of their first pixel, row by row.
 *
 * @param {boolean} corners whether pixels that touch only at a corner hang together
 * @returns {{parts: Int32Array, count: number}} each pixel's part, from 1; 0 outside the mask
 */
function label(mask, width, height, corners) {
  const parts = new Int32Array(mask.length);
  const parents = [0]; // of provisional parts that turn out to touch, the first is the parent

  const first = (part) => {
    while (parents[part] !== part) part = parents[part] = parents[parents[part]];
    return part;
  };
  const join = (a, b) => {
    if (!a || !b || a === b) return a || b;
    const rootA = first(a);
    const rootB = first(b);
    return rootA < rootB ? (parents[rootB] = rootA) : (parents[rootA] = rootB);
  };

  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!mask[i]) continue;
      let part = x > 0 ? parts[i - 1] : 0;
      if (y > 0) {
        part = join(part, parts[i - width]);
        if (corners && x > 0) part = join(part, parts[i - width - 1]);
        if (corners && x < width - 1) part = join(part, parts[i - width + 1]);
      }
      if (!part) {
        part = parents.length;
        parents.push(part);
      }
      parts[i] = part;
    }
  }

  const numbers = new Int32Array(parents.length);
  let count = 0;
  for (let part = 1; part < parents.length; part++) {
    numbers[part] = parents[part] === part ? ++count : numbers[first(part)];
  }
  for (let i = 0; i < parts.length; i++) parts[i] = numbers[parts[i]];
  return { parts, count };
}

function areas(parts, count) {
  const area = new Uint32Array(count + 1);
  for (let i = 0; i < parts.length; i++) area[parts[i]]++;
  return area;
}

/** The mask of all parts that `kept` holds a 1 for. */
function chosen(parts, kept) {
  const mask = new Uint8Array(parts.length);
  for (let i = 0; i < parts.length; i++) mask[i] = kept[parts[i]];
  return mask;
}

function inverted(mask) {
  const ground = new Uint8Array(mask.length);
  for (let i = 0; i < mask.length; i++) ground[i] = 1 - mask[i];
  return ground;
}
