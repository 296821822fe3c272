/** HTML elements of the pack's own on nodes, drawn on the canvas or by Vue. */

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
  // Undo makes the nodes anew under the same ids, and Vue keeps the old element of a widget with the
  // same node, name and type.  So no two elements are of one type.
  const type = `DIFFEDIT_ELEMENT_${made++}`;
  const options = { serialize: false, hideOnZoom: false, getMinHeight: () => height };
  const widget = node.addDOMWidget(name, type, element, options);
  widget.serialize = false; // the option keeps it out of the prompt, this out of the workflow
  return widget;
}

/** What the last run told about a node, which the editor keeps across undo and switching tabs. */
export function lastOutput(node, app) {
  const inside = node.graph === app.rootGraph ? "" : `${node.graph?.id}:`;
  return app.nodeOutputs[`${inside}${node.id}`];
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
