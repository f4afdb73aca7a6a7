// What an edit changed, line by line: what both texts begin and end with is context, the rest was taken out or put in.
import { element } from "./elements.js";
import { clean } from "./words.js";

const CONTEXT = 3; // lines

function ends(before, after) {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < most - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  return [start, end];
}

export function changedLines(before, after) {
  const [old, fresh] = [before, after].map((text) => (text ? text.split("\n") : []));
  const [start, end] = ends(old, fresh);
  const same = (lines) => lines.map((text) => [" ", text]);
  return [
    ...same(old.slice(Math.max(0, start - CONTEXT), start)),
    ...old.slice(start, old.length - end).map((text) => ["-", text]),
    ...fresh.slice(start, fresh.length - end).map((text) => ["+", text]),
    ...same(old.slice(old.length - end, old.length - end + CONTEXT)),
  ];
}

const looks = { "+": "added", "-": "removed", " ": "same" };

export function drawDiff(before, after) {
  const lines = changedLines(clean(before), clean(after));
  return element("pre", { class: "diff", tabindex: "0" }, ...lines.map(([sign, text]) => (
    element("span", { class: looks[sign] }, `${sign} ${text}\n`))));
}
