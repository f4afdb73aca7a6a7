// What a card looks like: a number with its change and course, or a table, with a chart where it has one.
import { drawChart } from "./chart.js";
import { DATA, cutAt, dayText, found, numberOf, state, stepOf } from "./data.js";
import { drawing, isUnknown } from "./elements.js";
import { NOTHING, show } from "./format.js";
import { drawTable } from "./table.js";

const LONG_FIGURE = 11; // characters
const SPARK = { width: 100, height: 26, top: 2, least: 3 };
const PERCENT = 100;
const TENFOLD = 10;
const SMALLEST = 1e-9;

function sparkline(course) {
  const known = course.map((value, index) => [index, value]).filter(([, value]) => value !== null);
  if (known.length < SPARK.least) return "";
  const top = Math.max(...known.map(([, value]) => value), SMALLEST);
  const floor = SPARK.height - SPARK.top;
  const points = known.map(([index, value]) => [
    ((index / (course.length - 1)) * SPARK.width).toFixed(1), (floor - (value / top) * (floor - SPARK.top)).toFixed(1),
  ]);
  const line = points.map((point) => point.join(",")).join(" ");
  const ground = `${points[0][0]},${SPARK.height} ${line} ${points.at(-1)[0]},${SPARK.height}`;
  const box = `0 0 ${SPARK.width} ${SPARK.height}`;
  const look = { viewBox: box, preserveAspectRatio: "none", "aria-hidden": "true", class: "sparkline" };
  return drawing("svg", look, drawing("polygon", { points: ground }), drawing("polyline", { points: line }));
}

function changeText(now, before, format) {
  const days = state.to - state.from + 1;
  const span = days === 1 ? "day before" : `${days} days before`;
  if (before === null || now === null) return ["", "neither"];
  if (before === now) return [`as in the ${span}`, "neither"];
  if (before === 0) return [`none in the ${span}`, "neither"];
  const [sign, direction] = now > before ? ["▲", "up"] : ["▼", "down"];
  if (format === "percent") {
    return [`${sign} ${show(Math.abs(now - before) * PERCENT, "count")} points vs ${span}`, direction];
  }
  const share = Math.abs(now - before) / Math.abs(before);
  const size = share >= TENFOLD ? `× ${show(now / before, "count")}` : show(share, "percent");
  return [`${sign} ${size} vs ${span}`, direction];
}

const cutText = (card) => (cutAt(card) ? `only from ${dayText(cutAt(card))} on` : "");

// What is said below a number in place of a comparison.
const fixedText = (card) => (card.from_beginning ? `up to ${dayText(state.to)}` : cutText(card));

function verdictOf(card, direction) {
  if (direction === "neither" || card.better === "neither") return "plain";
  return direction === card.better ? "good" : "bad";
}

function drawNumber(card, node) {
  const [value] = Object.values(card.values);
  const { now, before, course, rows } = numberOf(card);
  const [text, direction] = fixedText(card)
    ? [fixedText(card), "neither"]
    : changeText(now, before, value.format);
  const figure = node.querySelector(".figure");
  figure.textContent = rows ? show(now, value.format) : show(now, now === null ? "text" : value.format);
  figure.classList.toggle("long", figure.textContent.length > LONG_FIGURE);
  figure.classList.toggle("unknown", figure.textContent === NOTHING || isUnknown(now, value));
  const change = node.querySelector(".change");
  change.textContent = text || change.dataset.scope || " ";
  change.className = `change ${verdictOf(card, direction)}`;
  node.querySelector(".spark").replaceChildren(sparkline(course));
}

function isEmpty(card, rows) {
  const nothing = (row) => Object.keys(card.values).every((name) => !row[name]);
  return !rows.length || Boolean(card.chart && rows.every(nothing));
}

// What a chart does not show: days of a long period, rows beyond a card's limit, days that this file does not hold.
function stepText(card, rows, total) {
  const step = stepOf(card);
  const cut = card.chart && rows.length < total ? `${rows.length} of ${total}` : "";
  return [step === "day" ? "" : `per ${step}`, cut, cutText(card)].filter(Boolean).join(", ");
}

function drawCard(card, node) {
  if (card.kind === "number") return drawNumber(card, node);
  const { rows, total } = found(card);
  const empty = isEmpty(card, rows);
  node.querySelector(".step").textContent = stepText(card, rows, total);
  node.classList.toggle("is-empty", empty);
  drawTable(card, node.querySelector(".rows"));
  if (card.chart && !empty) drawChart(card, node, rows);
}

// A card is drawn when its tab is seen, and again when a filter changed.
const stale = new Set(Object.keys(DATA.cards));
export const nodes = new Map(
  [...document.querySelectorAll("[data-card]")].map((node) => [node.dataset.card, node]));

export function drawVisible(everything = false) {
  for (const key of [...stale]) {
    const node = nodes.get(key);
    if (!everything && node.offsetParent === null) continue;
    drawCard(DATA.cards[key], node);
    stale.delete(key);
  }
}

export function outdate(concerns = () => true) {
  for (const [key, card] of Object.entries(DATA.cards)) if (concerns(card)) stale.add(key);
}

export function redraw() {
  outdate();
  drawVisible();
}

