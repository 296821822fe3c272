/** The editor's side of the Mask Refine node: its mask view, tied to its widgets. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { addElement, after, locator } from "./element_widget.js";
import { outputOfLastRun } from "./last_run.js";
import { MaskView } from "./mask_view.js";

const HEIGHT = 320; // in mask_view.css too, which nodes drawn by Vue go by

app.registerExtension({
  name: "DiffEdit.MaskRefine",
  init() {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("./mask_view.css", import.meta.url).href;
    document.head.append(style);
  },
  setup() {
    // Called when the editor has zoomed or moved.
    after(app.canvas.ds, "onChanged", () => {
      for (const node of app.canvas.graph.nodes) maskView(node)?.update();
    });
  },
  afterConfigureGraph() {
    for (const node of app.rootGraph.nodes) {
      // Without an answer, the view waits for the next run.
      if (maskView(node)) recallLastRun(node).catch(() => {});
    }
  },
  nodeCreated(node) {
    if (node.comfyClass === "MaskRefine") addMaskView(node);
  },
});

function maskView(node) {
  return node.widgets?.find((one) => one.name === "mask_view")?.view;
}

function addMaskView(node) {
  const own = [...node.widgets];
  const widget = (name) => own.find((one) => one.name === name);
  const setWidget = (name, value) => {
    if (widget(name).value === value) return;
    widget(name).value = value;
    widget(name).callback?.(value);
  };

  const view = new MaskView({
    widgets: () => Object.fromEntries(own.map((one) => [one.name, one.value])),
    isLinked: (name) => node.inputs.some((input) => input.name === name && input.link != null),
    lastRun: () => app.nodeOutputs[locator(node)]?.diffedit_masks,
    setThreshold: (threshold) => {
      if (widget("method").value !== "quantile") setWidget("method", "value");
      setWidget("threshold", threshold);
      node.setDirtyCanvas(true);
    },
    zoom: () => app.canvas.ds.scale,
    url: (file) => api.apiURL(`/view?${new URLSearchParams(file)}`),
  });

  for (const one of own) after(one, "callback", () => view.update());
  after(node, "onConfigure", () => view.update());
  after(node, "onConnectionsChange", () => view.update());
  after(node, "onExecuted", (output) => {
    if (output?.diffedit_masks) view.show(output.diffedit_masks);
  });

  const shown = addElement(node, "mask_view", view.element, HEIGHT);
  shown.view = view;
  undoFromSlider(view.slider);
}

/** Undo and redo from the slider's focus: the editor leaves these keys to a field's own history. */
function undoFromSlider(slider) {
  slider.addEventListener("change", () => {
    app.canvas.emitBeforeChange(); // the editor notices the change
    app.canvas.emitAfterChange();
  });
  slider.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    if (app.ui.autoQueueEnabled && app.ui.autoQueueMode === "change") return; // undoes from any field
    const step = { z: event.shiftKey ? "Redo" : "Undo", y: "Redo" }[event.key.toLowerCase()];
    if (step) app.extensionManager.command.execute(`Comfy.${step}`);
  });
}

/** Show the last run on a node of a workflow that was opened, where the editor has forgotten it. */
async function recallLastRun(node) {
  if (app.nodeOutputs[locator(node)]) return;
  const output = await outputOfLastRun(`${node.id}`, ["mask", "image"]);
  const isOpen = app.rootGraph.getNodeById(node.id) === node;
  if (!output?.diffedit_masks || !isOpen || app.nodeOutputs[locator(node)]) return;
  app.nodeOutputs[locator(node)] = output;
  maskView(node).update();
}
