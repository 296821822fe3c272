/** The editor's side of the DiffEdit Demo Picture node: it shows the picture that is chosen. */

import { app } from "../../scripts/app.js";
import { addElement, after } from "./element_widget.js";

const HEIGHT = 200;

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
  picture.style = "position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain";
  const frame = document.createElement("div"); // the picture fits into it and does not stretch it
  frame.style = `position: relative; width: 100%; height: 100%; min-height: ${HEIGHT}px`;
  frame.append(picture);
  const update = () => {
    picture.src = new URL(`./pictures/${choice.value}`, import.meta.url).href;
    picture.alt = choice.value;
  };
  after(choice, "callback", update);
  after(node, "onConfigure", update);
  update();
  addElement(node, "shown", frame, HEIGHT);
}
