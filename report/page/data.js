// The data and the counting on it: the same measures as dashboards/card_sql.py, over the rows that the page carries.
export const DATA = JSON.parse(document.getElementById("data").textContent);
export const sorts = new Map(); // card -> the column a reader sorted its table by, and whether largest first
export const state = { ...DATA.meta.period, project: "", session: "", step: null, query: "" };
export const DAY_MS = 86400000;

const ISO_DAY = "2026-01-01".length;
const ISO_MONTH = "2026-01".length;

export const dayText = (number) => new Date(number * DAY_MS).toISOString().slice(0, ISO_DAY);
export const dayNumber = (text) => Math.round(Date.parse(`${text}T00:00:00Z`) / DAY_MS);

function decode(column) {
  if (column.dictionary) return column.codes.map((code) => (code < 0 ? null : column.dictionary[code]));
  return column.values;
}

export function columnOf(dataset, name) {
  const column = dataset.columns[name];
  column.decoded ??= decode(column);
  return column.decoded;
}

// Row numbers inside the period and the chosen project; `from` and `to` are days since 1970.
function matching(card, from, to) {
  const dataset = DATA.datasets[card.dataset];
  const tests = testsOf(card, dataset);
  const days = dataset.columns.day && !dataset.pick ? columnOf(dataset, "day") : null;
  const matched = [];
  for (let row = 0; row < dataset.rows; row += 1) {
    if (days && !(days[row] >= from && days[row] <= to)) continue;
    if (tests.every(([values, wanted]) => values[row] === wanted)) matched.push(row);
  }
  return matched;
}

// Columns with the value that a row must have there: what the card counts, the project, the session.
function testsOf(card, dataset) {
  const wanted = { ...card.where };
  if (dataset.columns.project && state.project) wanted.project = state.project;
  if (dataset.pick) wanted[dataset.pick] = state.session || dataset.first;
  return Object.entries(wanted).map(([name, value]) => [columnOf(dataset, name), value]);
}

// From which day on a card counts, where the period reaches back to rows that the report had to leave out; else null.
export function cutAt(card, from = state.from) {
  const since = DATA.datasets[card.dataset]?.since ?? null;
  return since !== null && from <= since ? since : null;
}

const present = (rows, values) => rows.map((row) => values[row]).filter((value) => value !== null);
const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);

function quantile(numbers, share) {
  if (!numbers.length) return null;
  const ascending = [...numbers].sort((a, b) => a - b);
  const place = (ascending.length - 1) * share;
  const below = Math.floor(place);
  const above = Math.min(below + 1, ascending.length - 1);
  return ascending[below] + (ascending[above] - ascending[below]) * (place - below);
}

const MEDIAN = 0.5;
const P95 = 0.95;
const measures = {
  count: (rows) => rows.length,
  sum: (rows, a) => (present(rows, a).length ? total(present(rows, a)) : null),
  average: (rows, a) => (present(rows, a).length ? total(present(rows, a)) / present(rows, a).length : null),
  median: (rows, a) => quantile(present(rows, a), MEDIAN),
  p95: (rows, a) => quantile(present(rows, a), P95),
  min: (rows, a) => quantile(present(rows, a), 0),
  max: (rows, a) => quantile(present(rows, a), 1),
  distinct: (rows, a) => new Set(present(rows, a)).size,
  streak: (rows, a) => Math.max(0, ...runs(present(rows, a)).map(({ length }) => length)),
  current_streak(rows, a) {
    const last = runs(present(rows, a)).at(-1);
    return last && last.end >= state.to - 1 ? last.length : 0; // a day without a prompt so far has not ended it
  },
  ratio(rows, a, b) {
    const below = total(present(rows, b));
    return below && present(rows, a).length ? total(present(rows, a)) / below : null;
  },
};

// Days in a row: how many, and the last of them.
function runs(days) {
  const together = [];
  for (const day of [...new Set(days)].sort((a, b) => a - b)) {
    const last = together.at(-1);
    if (last?.end === day - 1) Object.assign(last, { end: day, length: last.length + 1 });
    else together.push({ end: day, length: 1 });
  }
  return together;
}

function measure(card, value, rows) {
  const dataset = DATA.datasets[card.dataset];
  return measures[value.function](rows, ...value.columns.map((name) => columnOf(dataset, name)));
}

const MOST_DAYS = 92;
const MOST_DAYS_OF_WEEKS = 900;

// A chart over a long time shows weeks or months: a year of days would be bars thinner than a pixel.
export function stepOf(card) {
  const days = state.to - state.from + 1;
  if (!card.chart || !card.by.some((name) => card.columns[name].format === "day") || days <= MOST_DAYS) return "day";
  return days <= MOST_DAYS_OF_WEEKS ? "week" : "month";
}

const WEEK = 7;
const THURSDAY = 3; // 1 January 1970 was one
const LONGEST_MONTH = 31;
export const steps = {
  day: { start: (day) => day, next: (day) => day + 1 },
  week: { start: (day) => day - ((day + THURSDAY) % WEEK), next: (day) => day + WEEK },
  month: {
    start: (day) => dayNumber(`${dayText(day).slice(0, ISO_MONTH)}-01`),
    next: (day) => steps.month.start(day + LONGEST_MONTH),
  },
};

function dimension(card, name) {
  const values = columnOf(DATA.datasets[card.dataset], name);
  const step = stepOf(card);
  return card.columns[name].format === "day" && step !== "day" ? values.map((day) => steps[step].start(day)) : values;
}

function grouped(card, rows) {
  const columns = card.by.map((name) => dimension(card, name));
  const groups = new Map();
  for (const row of rows) {
    const key = columns.map((values) => values[row]).join("\u0000");
    if (groups.has(key)) groups.get(key).push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()].map((members) => {
    const made = Object.fromEntries(card.by.map((name, index) => [name, columns[index][members[0]]]));
    for (const [name, value] of Object.entries(card.values)) made[name] = measure(card, value, members);
    return { ...made, whole_bar: total(Object.keys(card.values).map((name) => made[name] ?? 0)) };
  });
}

function listed(card, rows) {
  const dataset = DATA.datasets[card.dataset];
  const names = [...new Set([...card.list, ...(card.opens ? ["session_id"] : []), ...card.sort.map(([name]) => name)])];
  return rows.map((row) => Object.fromEntries(names.map((name) => [name, columnOf(dataset, name)[row]])));
}

// Nothing sorts last, whatever the direction, as in the SQL; text goes by code point.
function compare(a, b, [name, descending, order]) {
  const left = order ? order.indexOf(a[name]) : a[name];
  const right = order ? order.indexOf(b[name]) : b[name];
  if (left === right) return 0;
  if (left === null || right === null) return left === null ? 1 : -1;
  return (left < right ? -1 : 1) * (descending ? -1 : 1);
}

// All rows of a card under the present filters, in its own order or the one that a reader picked, before any limit.
function allRows(card) {
  if (!card.dataset) return sorted(card, card.rows);
  const matched = matching(card, state.from, state.to);
  if (card.list.length) return sorted(card, listed(card, matched));
  return sorted(card, card.by.length || matched.length ? grouped(card, matched) : []);
}

function sorted(card, rows) {
  const picked = sorts.get(card.key);
  const keys = picked ? [[picked.name, picked.down, card.columns[picked.name].order], ...card.sort] : card.sort;
  if (!card.dataset && !picked) return rows; // in the order of its SQL
  return [...rows].sort((a, b) => keys.reduce((so_far, key) => so_far || compare(a, b, key), 0));
}

// The rows that a card draws, all that there are here, and how many there are in all.
export function found(card) {
  const all = allRows(card);
  const rows = card.limit ? all.slice(0, card.limit) : all;
  return { rows, all, total: card.dataset ? all.length : card.total };
}

export const rowsOf = (card) => found(card).rows;

// The newest day on which anything happened; null where that is within the period, or nothing ever did.
export function lastBefore() {
  const { activity } = DATA.datasets;
  if (!activity?.rows) return null;
  const days = columnOf(activity, "day");
  const last = days.reduce((newest, day) => Math.max(newest, day), -Infinity);
  return days.some((day) => day >= state.from && day <= state.to) ? null : last;
}

// A number, the same for the period of equal length before it, and its course for the sparkline.
export function numberOf(card) {
  const [value] = Object.values(card.values);
  if (!card.dataset) {
    return { now: card.rows.length ? Object.values(card.rows[0])[0] : null, before: null, course: [], rows: 1 };
  }
  const count = (from, to) => measureOrNone(card, value, matching(card, from, to));
  if (card.from_beginning) {
    const counted = matching(card, -Infinity, state.to).length;
    return { now: count(-Infinity, state.to), before: null, course: [], rows: counted };
  }
  const timed = DATA.datasets[card.dataset].columns.day;
  const length = state.to - state.from + 1;
  const whole = !cutAt(card, state.from - length);
  const compared = timed && card.compare && whole && state.preset !== "all";
  const before = compared ? count(state.from - length, state.from - 1) : null;
  const rows = matching(card, state.from, state.to).length;
  return { now: count(state.from, state.to), before, course: timed ? course(card, value) : [], rows };
}

// Of no rows a sum is zero; of rows that all lack the figure it is not known.
function measureOrNone(card, value, rows) {
  if (rows.length) return measure(card, value, rows);
  return value.additive ? 0 : null;
}

const SPARKLINE_POINTS = 45;

function course(card, value) {
  const step = Math.max(1, Math.ceil((state.to - state.from + 1) / SPARKLINE_POINTS));
  const buckets = Array.from({ length: Math.ceil((state.to - state.from + 1) / step) }, () => []);
  const days = columnOf(DATA.datasets[card.dataset], "day");
  for (const row of matching(card, state.from, state.to)) {
    buckets[Math.floor((days[row] - state.from) / step)].push(row);
  }
  return buckets.map((rows) => measureOrNone(card, value, rows));
}
