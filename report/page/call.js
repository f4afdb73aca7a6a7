// A tool call: a line that says what was done and how it ended; behind it the whole input, as a diff where it is one,
// and the output.
import { drawDiff } from "./diff.js";
import { element } from "./elements.js";
import { show } from "./format.js";
import { clean, count } from "./words.js";

const BRIEF = 140; // characters
const BRIEF_FIELDS = [
  "description", "command", "file_path", "notebook_path", "pattern", "query", "url", "skill", "path", "prompt",
];
const LOOKS = { error: "bad", denied: "warn", interrupted: "warn", incomplete: "gone" };
const NAMES = { incomplete: "no result" };

export function inputOf(step) {
  try {
    const given = JSON.parse(step.input || "{}");
    return given && typeof given === "object" && !Array.isArray(given) ? given : { input: step.input };
  } catch {
    return { input: step.input };
  }
}

function briefOf(input) {
  const name = BRIEF_FIELDS.find((known) => typeof input[known] === "string" && input[known]);
  const text = clean(name ? input[name] : "").replace(/\s+/g, " ");
  return text.length > BRIEF ? `${text.slice(0, BRIEF)}…` : text;
}

function changed(step) {
  if (step.added === undefined && step.removed === undefined) return [];
  return [element("span", { class: "lines" }, `+${count(step.added ?? 0)} −${count(step.removed ?? 0)} lines`)];
}

export function callLine(step) {
  const ended = LOOKS[step.outcome]
    ? [element("span", { class: `badge ${LOOKS[step.outcome]}` }, NAMES[step.outcome] ?? step.outcome)]
    : [];
  const took = step.ms === undefined ? [] : [element("span", { class: "quiet" }, show(step.ms, "duration"))];
  const git = (step.git ?? []).map(([what, reference]) => (
    element("span", { class: "badge good" }, `${what} ${clean(reference)}`)));
  return [element("b", {}, clean(step.name)), " ", element("span", { class: "brief" }, briefOf(inputOf(step))), " ",
    ...changed(step), ...took, ...ended, ...git];
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

function field(name, value) {
  const written = clean(text(value));
  return element("div", { class: "field" }, element("h4", {}, clean(name).replace(/_/g, " ")),
    element("pre", { tabindex: "0" }, written));
}

const CHANGES = ["old_string", "new_string", "edits", "content", "new_source"];

// Pairs of a text before and after that the input of an edit or a write holds.
function editsOf(input) {
  if (typeof input.new_string === "string") return [[String(input.old_string ?? ""), input.new_string]];
  if (Array.isArray(input.edits)) {
    return input.edits.map((edit) => [String(edit?.old_string ?? ""), String(edit?.new_string ?? "")]);
  }
  const whole = input.content ?? input.new_source;
  return typeof whole === "string" ? [["", whole]] : [];
}

function inputParts(step) {
  const input = inputOf(step);
  const edits = editsOf(input);
  const rest = Object.entries(input).filter(([name]) => !edits.length || !CHANGES.includes(name));
  const cut = step.input_length
    ? [note(`Of the input's ${count(step.input_length)} characters the first are kept here; Iceberg holds all.`)]
    : [];
  return [...rest.map(([name, value]) => field(name, value)), ...edits.map((pair) => drawDiff(...pair)), ...cut];
}

const note = (words) => element("p", { class: "quiet cut" }, words);

function outputParts(step) {
  if (step.output === undefined) return [note("No result is recorded.")];
  const title = step.outcome === "error" ? "error" : "output";
  const shown = step.output ? [field(title, step.output)] : [note(step.output_length ? "" : "The output is empty.")];
  if (!step.output_length) return shown;
  const kept = `The first ${count(step.output.length)} of ${count(step.output_length)} characters`;
  return [...shown, note(`${kept}; Iceberg holds the whole output.`)];
}

export const callParts = (step) => [...(step.kind === "result" ? [] : inputParts(step)), ...outputParts(step)];
