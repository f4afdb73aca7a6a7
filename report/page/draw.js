// What a card looks like: number tiles, tables, charts. Text goes in as text, never as markup.
const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches && !document.documentElement.classList.contains("printing");

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const shownDay = (value) => (typeof value === "number" ? dayText(value) : value);
const shown = (value, column) => show(column.format === "day" ? shownDay(value) : value, column.format);

function sparkline(course) {
  const known = course.map((value, index) => [index, value]).filter(([, value]) => value !== null);
  if (known.length < 3) return "";
  const top = Math.max(...known.map(([, value]) => value), 1e-9);
  const points = known.map(([index, value]) => [(index / (course.length - 1)) * 100, 24 - (value / top) * 22]);
  const line = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 26");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("sparkline");
  for (const [tag, attributes] of [["polygon", { points: `${points[0][0].toFixed(1)},26 ${line} ${points.at(-1)[0].toFixed(1)},26` }], ["polyline", { points: line }]]) {
    const part = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) part.setAttribute(name, value);
    svg.append(part);
  }
  return svg;
}

function changeText(now, before, format) {
  const days = state.to - state.from + 1;
  const span = days === 1 ? "day before" : `${days} days before`;
  if (before === null || now === null) return ["", "neither"];
  if (before === now) return [`as in the ${span}`, "neither"];
  if (before === 0) return [`none in the ${span}`, "neither"];
  if (format === "percent") return [`${now > before ? "▲" : "▼"} ${show(Math.abs(now - before) * 100, "count")} points vs ${span}`, now > before ? "up" : "down"];
  const share = (now - before) / Math.abs(before);
  const size = Math.abs(share) >= 10 ? `× ${show(now / before, "count")}` : show(Math.abs(share), "percent");
  return [`${share > 0 ? "▲" : "▼"} ${size} vs ${span}`, share > 0 ? "up" : "down"];
}

const cutText = (card) => (cutAt(card) ? `only from ${dayText(cutAt(card))} on` : "");

function drawNumber(card, node) {
  const [value] = Object.values(card.values);
  const { now, before, course: steps } = numberOf(card);
  const [text, direction] = cutAt(card) ? [cutText(card), "neither"] : changeText(now, before, value.format);
  const verdict = direction === "neither" || card.better === "neither" ? "plain" : direction === card.better ? "good" : "bad";
  const figure = node.querySelector(".figure");
  figure.textContent = show(now, value.format);
  figure.classList.toggle("long", figure.textContent.length > 11);
  const change = node.querySelector(".change");
  change.textContent = text || change.dataset.scope || " ";
  change.className = `change ${verdict}`;
  node.querySelector(".spark").replaceChildren(sparkline(steps));
}

function drawTable(card, holder, rows) {
  const names = Object.keys(card.columns);
  const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col", class: card.columns[name].align }, card.columns[name].label)));
  const body = rows.slice(0, DATA.meta.table_rows).map((row) => element("tr", {}, ...names.map((name, index) => {
    const text = shown(row[name], card.columns[name]);
    const cell = element("td", { class: card.columns[name].align, ...(card.columns[name].align === "label" ? { title: text } : {}) });
    if (index === 0 && card.opens) {
      const button = element("button", { type: "button", class: "open", "data-session": row.session_id ?? "" }, text);
      cell.append(button);
    } else cell.append(text);
    return cell;
  })));
  holder.replaceChildren(element("table", {}, element("caption", { class: "unseen" }, card.title), element("thead", {}, head), element("tbody", {}, ...body)));
  if (rows.length > DATA.meta.table_rows) holder.append(element("p", { class: "note" }, `The first ${DATA.meta.table_rows} of ${rows.length} rows.`));
}

function chartRows(card, rows) {
  const texts = Object.entries(card.columns);
  const other = card.series.includes(DATA.meta.other) ? new Set(card.series) : null;
  const colour = card.by[1];
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
    if (colour && card.series.length) {
      if (other && !other.has(copy[colour])) copy[colour] = DATA.meta.other;
      copy.order = card.series.indexOf(copy[colour]);
    }
    return copy;
  });
  if (!card.folds) return made;
  return made.flatMap((row) => Object.entries(card.values).map(([name, value], order) => (
    { ...row, series: value.label, amount: row[name], amount_text: row[`${name}_text`], order })));
}

const tip = element("div", { id: "tip", role: "presentation" });
function tooltip(_, event, __, value) {
  tip.classList.toggle("visible", Boolean(value));
  if (!value) return;
  tip.replaceChildren(...Object.entries(value).map(([title, text]) => element("div", {}, element("b", {}, title), ` ${text}`)));
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 12 : event.clientY + 18}px`;
}

const views = new Map();
function inTheme(chart) {
  if (!isDark()) return structuredClone(chart);
  const { swap } = DATA.themes;
  return JSON.parse(JSON.stringify(chart).replace(/#[0-9A-F]{6}/g, (colour) => swap[colour] ?? colour));
}

const DURATION_STEPS = [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 2592000]
  .map((seconds) => seconds * 1000);

// What depends on the rows and on the room: the period as the axis of time, ticks of whole minutes or hours, a legend of
// what is there, bars that do not grow fat where there are few.
function fit(card, chart, rows) {
  const [value] = Object.values(card.values);
  const colours = card.folds ? null : new Set(rows.filter((row) => row[Object.keys(card.values)[0]]).map((row) => row[card.by[1]]));
  for (const legend of chart.legends ?? []) {
    if (card.kind === "heatmap") continue;
    const names = card.folds ? Object.values(card.values).map((each) => each.label) : card.series.filter((name) => colours.has(name) || (name === DATA.meta.other && [...colours].some((seen) => !card.series.includes(seen))));
    legend.values = names;
    const room = Math.min(170, Math.max(...names.map((name) => name.length), 1) * 5.8) + 26;
    legend.columns = Math.max(1, Math.min(names.length, Math.floor((chart.width - 50) / room)));
    chart.height += (Math.ceil(names.length / legend.columns) - 1) * 14;
  }
  for (const scale of chart.scales) {
    if (scale.name !== "x" || !["time", "utc"].includes(scale.type)) continue;
    const step = steps[stepOf(card)];
    const last = card.kind === "bar" ? step.next(step.start(state.to)) : step.start(state.to);
    Object.assign(scale, { domain: [step.start(state.from) * DAY_MS, last * DAY_MS], nice: false });
  }
  if (card.kind === "row") chart.height = Math.max(Math.min(chart.height, rows.length * 34 + 60), rows.length * 15 + 70);
  if (value.format === "duration") {
    const top = Math.max(...rows.map((row) => row[Object.keys(card.values)[0]] ?? 0));
    const step = DURATION_STEPS.find((size) => top / size <= 5) ?? top / 5;
    const ticks = Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => index * step);
    for (const axis of chart.axes) if (axis.scale === (card.kind === "row" ? "x" : "y")) axis.values = ticks;
  }
}

async function drawChart(card, node, rows) {
  const holder = node.querySelector(".chart");
  views.get(card.key)?.finalize();
  views.delete(card.key);
  const chart = { ...inTheme(card.chart), width: Math.max(holder.clientWidth, 200) };
  chart.data.find((source) => source.name === "rows").values = chartRows(card, rows);
  fit(card, chart, rows);
  const config = DATA.themes[isDark() ? "dark" : "light"];
  const options = { mode: "vega", renderer: "svg", actions: false, defaultStyle: false, hover: true, ast: true, config, tooltip };
  const made = await vegaEmbed(holder, chart, options);
  holder.querySelector("svg")?.setAttribute("aria-hidden", "true");
  views.set(card.key, made);
}

function isEmpty(card, rows) {
  const nothing = (row) => Object.keys(card.values).every((name) => !row[name]);
  return !rows.length || Boolean(card.chart && rows.every(nothing));
}

function drawCard(card, node) {
  if (card.kind === "number") return drawNumber(card, node);
  const rows = rowsOf(card);
  const empty = isEmpty(card, rows);
  const step = node.querySelector(".step");
  if (step) step.textContent = [stepOf(card) === "day" ? "" : `per ${stepOf(card)}`, cutText(card)].filter(Boolean).join(", ");
  node.classList.toggle("is-empty", empty);
  const holder = node.querySelector(".rows");
  drawTable(card, holder, rows);
  if (card.chart && !empty) drawChart(card, node, rows);
}
