// Charts: a card's Vega specification, fitted to its rows, to the room there is and to the colour scheme.
import { DATA, DAY_MS, dayText, state, stepOf, steps } from "./data.js";
import { element, isDark, shown, shownDay } from "./elements.js";

const LEAST_WIDTH = 200;
const LABEL = { widest: 170, letter: 5.8, symbol: 26, line: 14, axis: 50 };
const BAR = { most: 34, least: 15, around: 60, aroundMany: 70 };
const TICKS = 5;
const TIP = { right: 14, below: 18, above: 12, edge: 8 };
const SECOND = 1000;
/* eslint-disable no-magic-numbers -- the list is what it says: 1 s to 30 days, in steps that people count in */
const DURATION_STEPS = [
  1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 2592000,
].map((seconds) => seconds * SECOND);
/* eslint-enable no-magic-numbers */

const views = new Map();
export const tip = element("div", { id: "tip", role: "presentation" });

function tooltip(_, event, __, value) {
  tip.classList.toggle("visible", Boolean(value));
  if (!value) return;
  const lines = Object.entries(value).map(([title, text]) => element("div", {}, element("b", {}, title), ` ${text}`));
  tip.replaceChildren(...lines);
  const { width, height } = tip.getBoundingClientRect();
  const below = event.clientY + TIP.below;
  const left = Math.max(TIP.edge, Math.min(event.clientX + TIP.right, innerWidth - width - TIP.edge));
  tip.style.left = `${left}px`;
  tip.style.top = `${below + height > innerHeight ? event.clientY - height - TIP.above : below}px`;
}

function inTheme(chart) {
  if (!isDark()) return structuredClone(chart);
  const { swap } = DATA.themes;
  return JSON.parse(JSON.stringify(chart).replace(/#[0-9A-F]{6}/g, (colour) => swap[colour] ?? colour));
}

// The series that a card's rows fall in: those of the specification. The rest is called Other, with how many it is,
// unless it is one thing, which keeps its own name.
function namesOf(card, rows) {
  const { other } = DATA.meta;
  if (card.folds || !card.series.length) return { names: card.series, fold: (name) => name };
  const own = new Set(card.series.filter((name) => name !== other));
  const rest = new Set(rows.map((row) => row[card.by[1]]).filter((name) => !own.has(name)));
  const called = rest.size === 1 ? [...rest][0] : `${other} (${rest.size})`;
  return {
    names: card.series.map((name) => (name === other ? called : name)),
    fold: (name) => (own.has(name) || !card.series.includes(other) ? name : called),
  };
}

// Rows as a chart reads them: days as text with the day after, each value also as it is written.
function chartRows(card, rows, { names, fold }) {
  const texts = Object.entries(card.columns);
  const colour = card.series.length && !card.folds ? card.by[1] : null;
  const step = card.dataset ? stepOf(card) : "day";
  const made = rows.map((row) => {
    const copy = { ...row };
    for (const [name, column] of texts) {
      copy[`${name}_text`] = shown(row[name], column);
      if (column.format !== "day") continue;
      copy[name] = shownDay(row[name]);
      copy.until = dayText(steps[step].next(row[name]));
      if (step !== "day") copy[`${name}_text`] = `${step} from ${copy[name]}`;
    }
    if (colour) {
      copy[colour] = fold(copy[colour]);
      copy.order = names.indexOf(copy[colour]);
    }
    return copy;
  });
  return card.folds ? made.flatMap((row) => seriesOf(card, row)) : made;
}

const seriesOf = (card, row) => Object.entries(card.values).map(([name, value], order) => (
  { ...row, series: value.label, amount: row[name], amount_text: row[`${name}_text`], order }));

// What depends on the rows and on the room: a legend of what is there, the period as the axis of time, bars that do not
// grow fat where there are few, ticks of whole minutes or hours.
function fit(card, chart, rows, series) {
  if (card.kind !== "heatmap") fitLegend(card, chart, rows, series);
  for (const scale of chart.scales.filter(isTime)) fitTime(card, scale);
  if (card.kind === "row") {
    const most = Math.min(chart.height, rows.length * BAR.most + BAR.around);
    chart.height = Math.max(most, rows.length * BAR.least + BAR.aroundMany);
  }
  if (Object.values(card.values)[0].format === "duration") fitDurations(card, chart, rows);
}

const isTime = ({ name, type }) => name === "x" && ["time", "utc"].includes(type);

function fitLegend(card, chart, rows, { names, fold }) {
  const first = Object.keys(card.values)[0];
  const present = new Set(rows.filter((row) => row[first]).map((row) => fold(row[card.by[1]])));
  const shownNames = card.folds
    ? Object.values(card.values).map((value) => value.label)
    : names.filter((name) => present.has(name));
  for (const scale of chart.scales) if (scale.name === "color" && !card.folds) scale.domain = names;
  for (const legend of chart.legends ?? []) {
    legend.values = shownNames;
    const longest = Math.max(...shownNames.map((name) => name.length), 1);
    const room = Math.min(LABEL.widest, longest * LABEL.letter) + LABEL.symbol;
    legend.columns = Math.max(1, Math.min(shownNames.length, Math.floor((chart.width - LABEL.axis) / room)));
    chart.height += (Math.ceil(shownNames.length / legend.columns) - 1) * LABEL.line;
  }
}

function fitTime(card, scale) {
  const step = steps[stepOf(card)];
  const last = card.kind === "bar" ? step.next(step.start(state.to)) : step.start(state.to);
  Object.assign(scale, { domain: [step.start(state.from) * DAY_MS, last * DAY_MS], nice: false });
}

function fitDurations(card, chart, rows) {
  const first = Object.keys(card.values)[0];
  const top = Math.max(...rows.map((row) => row[first] ?? 0));
  const step = DURATION_STEPS.find((size) => top / size <= TICKS) ?? top / TICKS;
  const ticks = Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => index * step);
  for (const axis of chart.axes) if (axis.scale === (card.kind === "row" ? "x" : "y")) axis.values = ticks;
}

export async function drawChart(card, node, rows) {
  const holder = node.querySelector(".chart");
  views.get(card.key)?.finalize();
  views.delete(card.key);
  const chart = { ...inTheme(card.chart), width: Math.max(holder.clientWidth, LEAST_WIDTH) };
  const series = namesOf(card, rows);
  chart.data.find((source) => source.name === "rows").values = chartRows(card, rows, series);
  fit(card, chart, rows, series);
  const config = DATA.themes[isDark() ? "dark" : "light"];
  const look = { mode: "vega", renderer: "svg", actions: false, defaultStyle: false };
  views.set(card.key, await window.vegaEmbed(holder, chart, { ...look, hover: true, ast: true, config, tooltip }));
  holder.querySelector("svg")?.setAttribute("aria-hidden", "true");
}
