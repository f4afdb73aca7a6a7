// Small helpers that make nodes. Text goes in as text, never as markup.
import { dayText } from "./data.js";
import { UNKNOWN, show } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const printing = () => document.documentElement.classList.contains("printing");

export const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches && !printing();
export const control = (id) => document.getElementById(id);

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const element = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
export const drawing = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

export const shownDay = (value) => (typeof value === "number" ? dayText(value) : value);
const isNull = (value) => value === null || value === undefined;

export function shown(value, column) {
  if (isNull(value) && column.missing !== null) return column.missing;
  return show(column.format === "day" ? shownDay(value) : value, column.format);
}

export const isUnknown = (value, { format, missing = null }) => isNull(value) && missing === null && format in UNKNOWN;
