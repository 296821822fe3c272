/** What the pack's nodes say of their last run, under their widgets. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { addElement, after, locator } from "./element_widget.js";

const LINE = 18;
const MOST_LINES = 6; // of a long text, which is scrolled

let runs = 0;

app.registerExtension({
  name: "DiffEdit.NodeText",
  init() {
    api.addEventListener("execution_start", () => runs++);
  },
  nodeCreated(node) {
    if (node.constructor.nodeData?.category?.startsWith("DiffEdit")) addText(node);
  },
});

function addText(node) {
  let element = null;
  let shown = { run: -1, lines: [] };

  const show = (lines) => {
    if (!element) {
      element = document.createElement("div");
      element.className = "diffedit-text";
      element.style = `box-sizing: border-box; width: 100%; height: 100%; padding: 0 4px;
        min-height: ${LINE}px; max-height: ${MOST_LINES * LINE}px; overflow: auto; white-space: pre-wrap; user-select: text;
        color: var(--descrip-text, #999); font: 12px/${LINE}px sans-serif`;
      addElement(node, "said", element, LINE);
    }
    element.textContent = lines.join("\n");
  };

  after(node, "onExecuted", (output) => {
    // The stages that a node expands into all speak on it, one after the other, but for some that
    // say nothing. The editor keeps the last one's output alone.
    const earlier = shown.run === runs ? shown.lines : [];
    const lines = [...earlier, ...(output?.diffedit_text ?? [])];
    if (!lines.length) return;
    shown = { run: runs, lines };
    output.diffedit_text = shown.lines;
    show(shown.lines);
  });
  const restore = () => {
    const lines = app.nodeOutputs[locator(node)]?.diffedit_text;
    if (lines) show(lines);
  };
  // The editor brings back what it has kept after it has made the nodes.
  after(node, "onConfigure", () => requestAnimationFrame(restore));
}
