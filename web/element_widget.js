/** HTML elements of the pack's own on nodes, drawn on the canvas or by Vue. */

import { app } from "../../scripts/app.js";

const MARGIN = 6; // on all sides where the node is drawn on the canvas
const MIDDLE_BUTTON = 1; // of an event's button
const MIDDLE_HELD = 4; // in an event's buttons

let made = 0;

/**
 * Show an element under a node's widgets; nothing of it is saved or queued.
 *
 * @param {object} node
 * @param {string} name the widget's
 * @param {HTMLElement} element
 * @param {number} height the least that it is given on the canvas, in CSS pixels; where Vue draws the
 *   node, the element's own style says it
 * @returns {object} the widget
 */
export function addElement(node, name, element, height) {
  const options = {
    serialize: false,
    hideOnZoom: false,
    margin: MARGIN,
    getMinHeight: () => height + 2 * MARGIN,
  };
  // Undo makes the nodes anew under the same ids, and Vue keeps the old element of a widget with the
  // same node, name and type. So no two elements are of one type.
  const type = `DIFFEDIT_ELEMENT_${made++}`;
  const widget = node.addDOMWidget(name, type, element, options);
  widget.serialize = false; // the option keeps it out of the prompt, this out of the workflow
  node.setSize([node.size[0], Math.max(node.size[1], node.computeSize()[1])]);
  forwardToCanvas(element);
  return widget;
}

/** Zoom and pan over the element as anywhere else, as core does over its text widget: there, too, a
 * text that is longer than its field is scrolled.
 */
function forwardToCanvas(element) {
  element.addEventListener("wheel", (event) => {
    if (element.scrollHeight > element.clientHeight && !event.ctrlKey) return;
    event.preventDefault();
    app.canvas.processMouseWheel(event);
  });
  element.addEventListener("pointerdown", (event) => {
    if (event.button === MIDDLE_BUTTON) app.canvas.processMouseDown(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (event.buttons & MIDDLE_HELD) app.canvas.processMouseMove(event);
  });
  element.addEventListener("pointerup", (event) => {
    if (event.button === MIDDLE_BUTTON) app.canvas.processMouseUp(event);
  });
}

/** The key of a node among the outputs that the editor keeps across undo and switching tabs. */
export function locator(node) {
  return node.graph === app.rootGraph ? `${node.id}` : `${node.graph?.id}:${node.id}`;
}

/** Call `then` after a method of an object, which may not have it yet. */
export function after(object, name, then) {
  const before = object[name];
  object[name] = function (...args) {
    const result = before?.apply(this, args);
    then(...args);
    return result;
  };
}
