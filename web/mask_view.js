/** The mask of the last run on its node: picture, outline and histogram, following the widgets. */

import { atScale, binaryMask, findThreshold, histogram } from "./binary_mask.js";
import { drawHistogram, heatLayer, paintHeat, paintOutline } from "./mask_drawing.js";

const FIRST_RUN = "Run the workflow once, then tune the mask here.";
const NO_PREVIEW = "There is no preview of this run.";
const LARGEST_CANVAS = 2048;
const LARGEST_AT_ONCE = 512; // a larger mask is computed when the widgets rest, until then a small one
const REST_MS = 150;

/**
 * @typedef {object} RunMask what the server tells about one mask of a run
 * @property {object} gray where the soft mask, ready for the threshold, lies as a gray picture
 * @property {object | null} picture where the picture under it lies
 * @property {Object<string, number>} thresholds the threshold (0..1) of each automatic method
 * @property {object} settings the widgets of the run, from blur to grow
 */

export class MaskView {
  /**
   * The mask, a Uint8Array, 1 for the foreground, row by row. Null before a run, and where the
   * picture is large, while widgets change.
   */
  mask = null;

  #node;
  #masks = [];
  #index = 0;
  #shown = null; // the mask of the run that is in view, with its pictures loaded
  #heatIsStale = false;
  #outlined = null; // the mask that is outlined: of full size, or a smaller one
  #outlineIsStale = false;
  #madeWith = null; // the settings, as text, that `mask` was made with
  #rest = 0; // the timer until it is made at full size
  #scheduled = false;

  /**
   * @param {object} node what the view asks of the node it is on
   * @param {() => object} node.widgets the values of the widgets, by name
   * @param {(name: string) => boolean} node.isLinked whether an input has a link
   * @param {() => RunMask[] | undefined} node.lastRun what the last run told, to begin with
   * @param {(threshold: number) => void} node.setThreshold
   * @param {() => number} node.zoom pixels of the page to one of the element's
   * @param {(file: object) => string} node.url the address of a picture on the server
   */
  constructor(node) {
    this.#node = node;
    this.element = document.createElement("div");
    this.element.className = "diffedit-mask-view";
    this.element.innerHTML = `
      <div class="picture"><canvas class="heat"></canvas><canvas class="outline"></canvas></div>
      <div class="pager" hidden>
        <button type="button" aria-label="Previous mask">‹</button>
        <span></span>
        <button type="button" aria-label="Next mask">›</button>
      </div>
      <div class="threshold" hidden>
        <svg viewBox="0 0 256 1" preserveAspectRatio="none" aria-hidden="true">
          <path class="background"></path><path class="foreground"></path>
          <path class="suggestion"></path><path class="line"></path>
        </svg>
        <input type="range" min="0" max="1" step="0.01" aria-label="threshold">
      </div>
      <div class="summary"></div>
      <div class="hint">${FIRST_RUN}</div>`;
    const find = (selector) => this.element.querySelector(selector);
    this.heat = find(".heat");
    this.outline = find(".outline");
    this.pager = find(".pager");
    this.threshold = find(".threshold");
    this.histogram = find("svg");
    this.slider = find("input");
    this.summary = find(".summary");
    this.hint = find(".hint");

    const [previous, next] = this.pager.querySelectorAll("button");
    previous.addEventListener("click", () => this.#turnTo(this.#index - 1));
    next.addEventListener("click", () => this.#turnTo(this.#index + 1));
    this.slider.addEventListener("input", () => node.setThreshold(Number(this.slider.value)));
    new ResizeObserver(() => this.update()).observe(find(".picture"));
  }

  /**
   * Show the masks of a run.
   *
   * @param {RunMask[]} masks none where the server could not save them
   */
  show(masks) {
    this.#masks = masks;
    if (!masks.length) return this.#clear();
    return this.#turnTo(Math.min(this.#index, masks.length - 1));
  }

  /**
   * What the server told about the mask in view.
   *
   * @returns {RunMask | null} null before the first run
   */
  get runMask() {
    return this.#shown?.runMask ?? null;
  }

  /** Follow the widgets and the zoom, before the next frame. */
  update() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      if (this.#shown) this.#paint();
      else if (this.#node.lastRun()) this.show(this.#node.lastRun());
    });
  }

  async #turnTo(index) {
    const count = this.#masks.length;
    this.#index = (index + count) % count;
    const runMask = this.#masks[this.#index];
    const files = [this.#load(runMask.gray), runMask.picture && this.#load(runMask.picture)];
    const [bitmap, picture] = await Promise.all(files).catch(() => []);
    if (!bitmap) return; // the server was restarted and has emptied its temporary folder
    if (runMask !== this.#masks[this.#index]) return; // another one was asked for meanwhile
    const full = softMask(bitmap, 1);
    const reduction = LARGEST_AT_ONCE / Math.max(bitmap.width, bitmap.height);
    const small = reduction < 1 ? softMask(bitmap, reduction) : full;
    const heat = heatLayer(full.gray, full.width, full.height, picture !== null);
    this.#shown?.picture?.close();
    this.#shown = { runMask, full, small, counts: histogram(full.gray), heat, picture };
    this.#heatIsStale = true;
    this.#madeWith = null;
    this.pager.hidden = count < 2;
    this.pager.querySelector("span").textContent = `${this.#index + 1} / ${count}`;
    this.threshold.hidden = false;
    this.update();
  }

  #clear() {
    clearTimeout(this.#rest);
    this.#shown?.picture?.close();
    this.#shown = null;
    for (const canvas of [this.heat, this.outline]) canvas.width = canvas.width; // empties it
    this.pager.hidden = this.threshold.hidden = true;
    this.summary.textContent = "";
    this.hint.textContent = NO_PREVIEW;
  }

  async #load(file) {
    const answer = await fetch(this.#node.url(file));
    // As the numbers are in the file, whatever the screen.
    return createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" });
  }

  #paint() {
    const { runMask, counts, heat, picture } = this.#shown;
    const { thresholds } = runMask;
    const settings = this.#settings();
    const threshold = findThreshold(counts, settings, thresholds);
    this.#follow(settings, threshold);
    const pixelRatio = this.#fitCanvases();
    if (this.#heatIsStale) paintHeat(this.heat, heat, picture);
    if (this.#outlineIsStale) {
      const { mask, width, height } = this.#outlined;
      paintOutline(this.outline, mask, width, height, pixelRatio);
    }
    this.#heatIsStale = this.#outlineIsStale = false;

    const automatic =
      settings.method in thresholds ? settings.method : Object.keys(thresholds)[0];
    drawHistogram(this.histogram, counts, threshold, thresholds[automatic]);
    this.#describe(settings, threshold, automatic);
  }

  /** Make the mask anew where the settings have changed. */
  #follow(settings, threshold) {
    if (this.#madeWith === JSON.stringify(settings)) return;
    this.#madeWith = JSON.stringify(settings);
    const { full, small } = this.#shown;
    this.#make(small, settings, threshold);
    clearTimeout(this.#rest);
    if (small === full) return;
    const finish = () => {
      // While a button is held, something is being dragged.
      if (document.querySelector(":active")) return wait();
      this.#make(full, settings, threshold);
      this.update();
    };
    const wait = () => (this.#rest = setTimeout(finish, REST_MS));
    wait();
  }

  #make(soft, settings, threshold) {
    const { gray, width, height, scale } = soft;
    const mask = binaryMask(gray, width, height, threshold, atScale(settings, scale));
    const covers = histogram(mask)[1] / mask.length;
    this.#outlined = { mask, width, height, covers };
    this.#outlineIsStale = true;
    this.mask = scale === 1 ? mask : null;
  }

  /** Bring the slider and the text up to date with the threshold that was found. */
  #describe(settings, found, automatic) {
    const { method, threshold } = settings;
    const covered = 100 * this.#outlined.covers;
    const rule = method === "value"
      ? `${automatic}: ${this.runMask.thresholds[automatic].toFixed(2)}`
      : method;
    this.summary.textContent =
      `covers ${covered.toFixed(1)} % · threshold ${found.toFixed(2)} (${rule})`;
    this.slider.value = method === automatic ? found : threshold;
    this.slider.disabled = this.#node.isLinked("threshold") || this.#node.isLinked("method");
    this.slider.ariaLabel = method === "quantile"
      ? "threshold: fraction of the picture that is background"
      : "threshold";
    this.slider.ariaValueText = `${this.slider.value}, ${this.summary.textContent}`;
    this.hint.textContent = this.#needsRun(settings);
  }

  /** The widgets; where an input has a link instead, what came through it in the run. */
  #settings() {
    const settings = this.#node.widgets();
    for (const [name, value] of Object.entries(this.runMask.settings)) {
      if (this.#node.isLinked(name)) settings[name] = value;
    }
    return settings;
  }

  /** What the view cannot show by itself, in words. */
  #needsRun({ blur, snap, invert, feather }) {
    const { picture, settings: run } = this.runMask;
    if (blur !== run.blur) return "blur has changed: run to see it.";
    if (picture && snap !== run.snap) return "snap has changed: run to see it.";
    const later = [
      this.#node.isLinked("other") && "combine",
      invert && "invert",
      feather > 0 && "feather",
    ].filter(Boolean);
    return later.length ? `Shown before ${later.join(", ")}.` : "";
  }

  /**
   * Give the canvases as many pixels as the screen has under them, or more where it is zoomed out.
   *
   * @returns {number} pixels to a CSS pixel
   */
  #fitCanvases() {
    const { width, height } = this.#shown.full;
    const pixelRatio = window.devicePixelRatio * Math.max(this.#node.zoom(), 1);
    const box = this.heat.parentElement;
    const scale = Math.min(
      (box.clientWidth / width) * pixelRatio,
      (box.clientHeight / height) * pixelRatio,
      LARGEST_CANVAS / Math.max(width, height),
    );
    if (resize(this.heat, width * scale, height * scale)) this.#heatIsStale = true;
    if (resize(this.outline, width * scale, height * scale)) this.#outlineIsStale = true;
    return pixelRatio;
  }
}

/** Set a canvas's size, which clears it; returns whether that was needed. */
function resize(canvas, width, height) {
  const [newWidth, newHeight] = [Math.max(Math.round(width), 1), Math.max(Math.round(height), 1)];
  if (canvas.width === newWidth && canvas.height === newHeight) return false;
  canvas.width = newWidth;
  canvas.height = newHeight;
  return true;
}

/** A gray picture as a soft mask, reduced by `scale`. */
function softMask(bitmap, scale) {
  const width = Math.max(Math.round(bitmap.width * scale), 1);
  const height = Math.max(Math.round(bitmap.height * scale), 1);
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const gray = new Uint8Array(data.length / 4);
  for (let i = 0; i < gray.length; i++) gray[i] = data[4 * i];
  return { gray, width, height, scale };
}
