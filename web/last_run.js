/** After the page is reloaded: what the server still has of a node's last run. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const RUNS = 32; // the server keeps them all, with their whole workflows

/**
 * What a node showed in the last run in which some of its inputs were made as the open workflow
 * makes them. So it is never another workflow's, unless that makes the very same.
 *
 * @param {string} id of a node outside of subgraphs
 * @param {string[]} names of the inputs
 * @returns {Promise<object | undefined>}
 */
export async function outputOfLastRun(id, names) {
  const answer = await api.fetchApi(`/history?max_items=${RUNS}`);
  const runs = Object.values(await answer.json()).filter((run) => run.outputs[id]);
  if (!runs.length) return undefined;
  const { output: prompt } = await app.graphToPrompt();
  const isSame = (run) => inputsAreMadeAlike(run.prompt[2], prompt, id, names);
  return runs.findLast(isSame)?.outputs[id];
}

/** Whether inputs of a node come from the same nodes, with the same settings, in two prompts. */
function inputsAreMadeAlike(before, now, id, names) {
  const inputs = (prompt) => names.map((name) => prompt[id]?.inputs[name]);
  if (!equal(inputs(before), inputs(now))) return false;
  const ids = new Set(sources(inputs(now)));
  for (const one of ids) {
    if (!equal(made(before[one]), made(now[one]))) return false;
    for (const source of sources(Object.values(now[one].inputs))) ids.add(source);
  }
  return true;
}

/** The ids of the nodes that inputs are linked to. */
function sources(inputs) {
  return inputs.filter(Array.isArray).map(([id]) => id);
}

function made(node) {
  return [node?.class_type, node?.inputs];
}

function equal(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
