/** The editor's side of the Mask Refine node: its mask view, tied to its widgets. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { MaskView } from "./mask_view.js";

const HEIGHT = 320; // in mask_view.css too, which nodes drawn by Vue go by

let viewsMade = 0;

app.registerExtension({
  name: "DiffEdit.MaskRefine",
  init() {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("./mask_view.css", import.meta.url).href;
    document.head.append(style);
  },
  nodeCreated(node) {
    if (node.comfyClass === "MaskRefine") addMaskView(node);
  },
});

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
    url: (file) => api.apiURL(`/view?${new URLSearchParams(file)}`),
  });

  for (const one of own) after(one, "callback", () => view.update());
  after(node, "onConfigure", () => view.update());
  after(node, "onConnectionsChange", () => view.update());
  after(node, "onExecuted", (output) => {
    if (output?.diffedit_masks) view.show(output.diffedit_masks);
  });

  const options = { serialize: false, hideOnZoom: false, getMinHeight: () => HEIGHT };
  // Undo makes the nodes anew under the same ids, and Vue keeps the old element of a widget with the
  // same node, name and type. So no two views are of one type.
  const type = `DIFFEDIT_MASK_VIEW_${viewsMade++}`;
  const shown = node.addDOMWidget("mask_view", type, view.element, options);
  shown.serialize = false; // the option keeps it out of the prompt, this out of the workflow
  shown.view = view;
}

/** The key of a node among the outputs that the editor keeps across undo and switching tabs. */
function locator(node) {
  return node.graph === app.rootGraph ? `${node.id}` : `${node.graph?.id}:${node.id}`;
}

/** Call `then` after a method of an object, which may not have it yet. */
function after(object, name, then) {
  const before = object[name];
  object[name] = function (...args) {
    const result = before?.apply(this, args);
    then(...args);
    return result;
  };
}
