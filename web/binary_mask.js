/**
 * The second stage of Mask Refine on typed arrays: the same steps in the same order as
 * `binary_mask` in diffedit_core/refine.py and diffedit_core/morphology.py, so that the editor
 * shows what the next run gives.
 *
 * A mask is a Uint8Array, 1 for the foreground and 0 for the background, row by row, with the
 * picture's width and height. The foreground is 8-connected (over edges and corners), the
 * background 4-connected (over edges only).
 */

/**
 * @typedef {object} Settings the widgets of Mask Refine from method to grow, by their names
 * @typedef {Object<string, number>} Thresholds the threshold (0..1) of each automatic method, from
 *   the server
 */

/**
 * @param {Uint8Array} gray the soft mask, 255 for 1.0
 * @param {number} threshold see findThreshold
 * @param {Settings} settings
 * @returns {Uint8Array} the mask
 */
export function binaryMask(gray, width, height, threshold, settings) {
  const size = [width, height];
  let mask = above(gray, threshold);
  if (settings.hysteresis) {
    const wider = above(gray, (1 - settings.hysteresis) * threshold);
    mask = reconstruct(wider, mask, ...size);
  }
  if (settings.open) mask = opening(mask, settings.open, ...size);
  if (settings.close) mask = closing(mask, settings.close, ...size);
  if (settings.fill_holes) mask = fillHoles(mask, ...size);
  if (settings.min_area) {
    mask = removeSmall(mask, (settings.min_area / 100) * mask.length, ...size);
  }
  if (settings.keep_largest) mask = largest(mask, settings.keep_largest, ...size);
  return grow(mask, settings.grow, ...size);
}

/** The settings for a picture `scale` times as large: what counts pixels changes with it. */
export function atScale(settings, scale) {
  const [open, close, grow] = ["open", "close", "grow"].map((name) =>
    Math.round(settings[name] * scale),
  );
  return { ...settings, open, close, grow };
}

/** How many pixels have each of the 256 gray values. */
export function histogram(gray) {
  const counts = new Uint32Array(256);
  for (let i = 0; i < gray.length; i++) counts[gray[i]]++;
  return counts;
}

/**
 * The threshold (0..1): `threshold` itself, the gray value below which that fraction of the picture
 * lies, or what the server's automatic method has found.
 *
 * @param {Uint32Array} counts the histogram
 * @param {Thresholds} thresholds
 */
export function findThreshold(counts, { method, threshold }, thresholds) {
  if (method === "value") return threshold;
  if (method !== "quantile") return thresholds[method];
  const pixels = counts.reduce((sum, count) => sum + count);
  let value = 0;
  for (let darker = counts[0]; darker < threshold * pixels; darker += counts[value]) value++;
  return (value + 0.5) / 255;
}

function above(gray, threshold) {
  const limit = 255 * threshold;
  const mask = new Uint8Array(gray.length);
  for (let i = 0; i < gray.length; i++) mask[i] = gray[i] > limit ? 1 : 0;
  return mask;
}

/** Remove what is too thin for a disc of `radius` pixels. */
function opening(mask, radius, width, height) {
  return grow(grow(mask, -radius, width, height), radius, width, height);
}

/** Close the gaps that are too narrow for a disc of `radius` pixels. */
function closing(mask, radius, width, height) {
  return grow(grow(mask, radius, width, height), -radius, width, height);
}

/** Add the holes: the background that is cut off from the picture's border. */
function fillHoles(mask, width, height) {
  const { labels, count } = label(inverted(mask), width, height, false);
  const kept = new Uint8Array(count + 1).fill(1); // of label 0, the foreground, all
  const isOutside = (i) => {
    if (labels[i]) kept[labels[i]] = 0;
  };
  for (let x = 0; x < width; x++) {
    isOutside(x);
    isOutside((height - 1) * width + x);
  }
  for (let y = 0; y < height; y++) {
    isOutside(y * width);
    isOutside(y * width + width - 1);
  }
  return withLabels(labels, kept);
}

/** The connected components of the mask that hold at least one pixel of `seeds`. */
function reconstruct(mask, seeds, width, height) {
  const { labels, count } = label(mask, width, height, true);
  const kept = new Uint8Array(count + 1);
  for (let i = 0; i < seeds.length; i++) if (seeds[i]) kept[labels[i]] = 1;
  return withLabels(labels, kept);
}

/** Remove the connected components of fewer than `minArea` pixels. */
function removeSmall(mask, minArea, width, height) {
  const { labels, count } = label(mask, width, height, true);
  const kept = areas(labels, count).map((area) => area >= minArea);
  kept[0] = 0;
  return withLabels(labels, kept);
}

/**
 * The `wanted` largest connected components; of equal ones, those that begin further up, then
 * further left.
 */
function largest(mask, wanted, width, height) {
  const { labels, count } = label(mask, width, height, true);
  const area = areas(labels, count);
  const order = Array.from({ length: count }, (_, i) => i + 1);
  order.sort((a, b) => area[b] - area[a]); // stable: labels are numbered from the top
  const kept = new Uint8Array(count + 1);
  for (const one of order.slice(0, wanted)) kept[one] = 1;
  return withLabels(labels, kept);
}

/**
 * Dilation by a disc of `radius` pixels; a negative radius is an erosion. What lies outside the
 * picture counts as foreground in an erosion.
 *
 * A pixel is within the radius if, in one of the columns around it, the nearest foreground pixel
 * is: so one pass finds the distance up or down to the foreground, and a second one how far that
 * reaches sideways. Both take the same time for every radius, and all numbers are whole.
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

/** Each pixel's distance straight up or down to the foreground; `radius + 1` for any further. */
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
 * Number the connected components of a mask in the order of their first pixel, row by row.
 *
 * @param {boolean} eightConnected whether pixels that touch only at a corner are connected
 * @returns {{labels: Int32Array, count: number}} each pixel's component, from 1; 0 for the
 *   background
 */
function label(mask, width, height, eightConnected) {
  const labels = new Int32Array(mask.length);
  const parents = [0]; // of provisional labels that turn out to be connected, the first is parent

  const root = (one) => {
    while (parents[one] !== one) one = parents[one] = parents[parents[one]];
    return one;
  };
  const join = (a, b) => {
    if (!a || !b || a === b) return a || b;
    const rootA = root(a);
    const rootB = root(b);
    return rootA < rootB ? (parents[rootB] = rootA) : (parents[rootA] = rootB);
  };

  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!mask[i]) continue;
      let one = x > 0 ? labels[i - 1] : 0;
      if (y > 0) {
        one = join(one, labels[i - width]);
        if (eightConnected && x > 0) one = join(one, labels[i - width - 1]);
        if (eightConnected && x < width - 1) one = join(one, labels[i - width + 1]);
      }
      if (!one) {
        one = parents.length;
        parents.push(one);
      }
      labels[i] = one;
    }
  }

  const numbers = new Int32Array(parents.length);
  let count = 0;
  for (let one = 1; one < parents.length; one++) {
    numbers[one] = parents[one] === one ? ++count : numbers[root(one)];
  }
  for (let i = 0; i < labels.length; i++) labels[i] = numbers[labels[i]];
  return { labels, count };
}

/** How many pixels have each label. */
function areas(labels, count) {
  const area = new Uint32Array(count + 1);
  for (let i = 0; i < labels.length; i++) area[labels[i]]++;
  return area;
}

/** The mask of all labels that `kept` holds a 1 for. */
function withLabels(labels, kept) {
  const mask = new Uint8Array(labels.length);
  for (let i = 0; i < labels.length; i++) mask[i] = kept[labels[i]];
  return mask;
}

function inverted(mask) {
  const background = new Uint8Array(mask.length);
  for (let i = 0; i < mask.length; i++) background[i] = 1 - mask[i];
  return background;
}
