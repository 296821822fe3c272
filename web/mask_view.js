/** The mask of the last run on its node: picture, outline and histogram, following the widgets. */

import { binaryMask, findThreshold, histogram } from "./binary_mask.js";
import { paintHeat, paintHistogram, paintOutline } from "./mask_drawing.js";

const FIRST_RUN = "Run the workflow once, then tune the mask here.";
const LARGEST_CANVAS = 2048;

/**
 * @typedef {object} RunMask what the server tells about one mask of a run
 * @property {object} gray where the soft mask, ready for the threshold, lies as a gray picture
 * @property {object | null} picture where the picture under it lies
 * @property {Object<string, number>} thresholds the threshold (0..1) of each automatic method
 * @property {object} settings the widgets of the run, from blur to grow
 */

export class MaskView {
  /** The mask as shown, a Uint8Array, 1 for the foreground, row by row; null before a run. */
  mask = null;

  #node;
  #masks = [];
  #index = 0;
  #shown = null; // the mask of the run that is in view, with its pictures loaded
  #heatIsStale = false;
  #madeWith = null; // the settings, as text, that `mask` was made with
  #scheduled = false;

  /**
   * @param {object} node what the view asks of the node it is on
   * @param {() => object} node.widgets the values of the widgets, by name
   * @param {(name: string) => boolean} node.isLinked whether an input has a link
   * @param {() => RunMask[] | undefined} node.lastRun what the last run told, to begin with
   * @param {(threshold: number) => void} node.setThreshold
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
        <canvas></canvas>
        <input type="range" min="0" max="1" step="0.01" aria-label="threshold">
      </div>
      <div class="summary"></div>
      <div class="hint">${FIRST_RUN}</div>`;
    const find = (selector) => this.element.querySelector(selector);
    this.heat = find(".heat");
    this.outline = find(".outline");
    this.pager = find(".pager");
    this.threshold = find(".threshold");
    this.histogram = find(".threshold canvas");
    this.slider = find("input");
    this.summary = find(".summary");
    this.hint = find(".hint");

    const [previous, next] = this.pager.querySelectorAll("button");
    previous.addEventListener("click", () => this.#turnTo(this.#index - 1));
    next.addEventListener("click", () => this.#turnTo(this.#index + 1));
    this.slider.addEventListener("input", () => node.setThreshold(Number(this.slider.value)));
    new ResizeObserver(() => this.update()).observe(find(".picture"));
    // The editor zooms by scaling the element, which nothing else tells.
    this.element.addEventListener("wheel", () => this.update(), { passive: true });
    this.element.addEventListener("pointerenter", () => this.update());
  }

  /**
   * Show the masks of a run.
   *
   * @param {RunMask[]} masks
   */
  show(masks) {
    this.#masks = masks;
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

  /** Follow the widgets, before the next frame. */
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
    const { width, height } = bitmap;
    const gray = grayValues(bitmap);
    this.#shown?.picture?.close();
    this.#shown = { runMask, width, height, gray, counts: histogram(gray), picture };
    this.#heatIsStale = true;
    this.#madeWith = null;
    this.pager.hidden = count < 2;
    this.pager.querySelector("span").textContent = `${this.#index + 1} / ${count}`;
    this.threshold.hidden = false;
    this.update();
  }

  async #load(file) {
    const answer = await fetch(this.#node.url(file));
    // As the numbers are in the file, whatever the screen.
    return createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" });
  }

  #paint() {
    const { runMask, width, height, gray, counts, picture } = this.#shown;
    const { thresholds } = runMask;
    const settings = this.#settings();
    const threshold = findThreshold(counts, settings, thresholds);
    if (this.#madeWith !== JSON.stringify(settings)) {
      this.mask = binaryMask(gray, width, height, threshold, settings);
      this.#madeWith = JSON.stringify(settings);
    }
    const pixelRatio = this.#fitCanvases(width, height);
    if (this.#heatIsStale) paintHeat(this.heat, gray, width, height, picture);
    this.#heatIsStale = false;
    paintOutline(this.outline, this.mask, width, height, pixelRatio);

    const automatic =
      settings.method in thresholds ? settings.method : Object.keys(thresholds)[0];
    const marks = { threshold, suggestion: thresholds[automatic] };
    const style = getComputedStyle(this.element);
    const colours = {
      foreground: style.getPropertyValue("--foreground"),
      background: style.getPropertyValue("--background"),
      line: style.color,
    };
    paintHistogram(this.histogram, counts, marks, colours, pixelRatio);
    this.#describe(settings, threshold, automatic);
  }

  /** Bring the slider and the text up to date with the threshold that was found. */
  #describe(settings, found, automatic) {
    const { method, threshold } = settings;
    const covered = (100 * histogram(this.mask)[1]) / this.mask.length;
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
  #fitCanvases(width, height) {
    const zoom = this.element.getBoundingClientRect().width / this.element.offsetWidth;
    const pixelRatio = window.devicePixelRatio * Math.max(zoom || 1, 1);
    const box = this.heat.parentElement;
    const scale = Math.min(
      (box.clientWidth / width) * pixelRatio,
      (box.clientHeight / height) * pixelRatio,
      LARGEST_CANVAS / Math.max(width, height),
    );
    const heatWasCleared = resize(this.heat, width * scale, height * scale);
    this.#heatIsStale ||= heatWasCleared;
    resize(this.outline, width * scale, height * scale);
    const { clientWidth, clientHeight } = this.histogram;
    resize(this.histogram, clientWidth * pixelRatio, clientHeight * pixelRatio);
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

/** The gray values of a gray picture, row by row. */
function grayValues(bitmap) {
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const gray = new Uint8Array(data.length / 4);
  for (let i = 0; i < gray.length; i++) gray[i] = data[4 * i];
  return gray;
}
