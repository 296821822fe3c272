/** The editor's side of the DiffEdit Demo Picture node: it shows the picture that is chosen. */

import { app } from "../../scripts/app.js";

app.registerExtension({
  name: "DiffEdit.DemoPicture",
  nodeCreated(node) {
    if (node.comfyClass === "DiffEditDemoPicture") showPicture(node);
  },
});

function showPicture(node) {
  const choice = node.widgets.find((one) => one.name === "picture");
  const picture = document.createElement("img");
  picture.className = "diffedit-picture";
  picture.style.cssText = "width: 100%; height: 100%; min-height: 200px; object-fit: contain";
  const update = () => {
    picture.src = new URL(`./pictures/${choice.value}`, import.meta.url).href;
    picture.alt = choice.value;
  };
  const { callback, onConfigure } = { callback: choice.callback, onConfigure: node.onConfigure };
  choice.callback = function (...args) {
    callback?.apply(this, args);
    update();
  };
  node.onConfigure = function (...args) {
    onConfigure?.apply(this, args);
    update();
  };
  update();
  const options = { serialize: false, hideOnZoom: false, getMinHeight: () => 200 };
  node.addDOMWidget("shown", "DIFFEDIT_PICTURE", picture, options).serialize = false;
}
