// Tables: sorted by a click on a column's name, searched, copied as text that a spreadsheet takes, and drawn in parts
// where they are long.
import { written } from "./address.js";
import { DATA, found, sorts } from "./data.js";
import { element, isUnknown, shown } from "./elements.js";
import { count, counted } from "./words.js";

const SAID_FOR = 2000; // milliseconds
const SEARCHED_FROM = 12; // rows: fewer are seen at once
const drawnRows = new Map(); // card -> how many rows a reader asked for
const sought = new Map(); // card -> the words that a row must hold

export function drawTable(card, holder) {
  const { all, total } = found(card);
  const rows = matching(card, all);
  const part = rows.slice(0, drawnRows.get(card.key) ?? firstPart(card));
  holder.replaceChildren(element("table", {}, element("caption", { class: "unseen" }, card.title), head(card, holder),
    element("tbody", {}, ...part.map((row) => line(card, row)))));
  finder(card, holder, total);
  const tools = holder.parentElement.querySelector(".tools") ?? element("div", { class: "tools" });
  const whole = sought.get(card.key) ? rows.length : total;
  tools.replaceChildren(...cutNote(card, part.length, whole), ...moreButton(card, holder, part.length, rows.length),
    copyButton(card, rows));
  holder.after(tools);
}

const firstPart = (card) => Math.min(card.limit ?? DATA.meta.table_rows, DATA.meta.table_rows);

function cutNote(card, few, whole) {
  const searched = Boolean(sought.get(card.key));
  const cut = `The first ${count(few)} of ${count(whole)} rows${searched ? " found" : ""}.`;
  const all = searched ? `${counted(whole, "row")} found.` : "";
  const text = few < whole ? cut : all;
  return text ? [element("span", { class: "cut" }, text)] : [];
}

function moreButton(card, holder, few, there) {
  if (few >= there) return [];
  const next = Math.min(DATA.meta.table_rows, there - few);
  const button = element("button", { type: "button", class: "plain more" }, `Show ${count(next)} more`);
  button.addEventListener("click", () => {
    drawnRows.set(card.key, few + next);
    drawTable(card, holder);
  });
  return [button];
}

// A field above a long table; it stays as it is while the rows below change.
function finder(card, holder, total) {
  const field = holder.parentElement.querySelector(".finder");
  if (field) {
    field.hidden = total < SEARCHED_FROM;
    return;
  }
  if (total < SEARCHED_FROM) return;
  const name = `Search in ${card.title}`;
  const input = element("input", { type: "search", class: "finder", placeholder: "Search in this table",
    "aria-label": name, autocomplete: "off" });
  input.addEventListener("input", () => {
    sought.set(card.key, input.value.trim().toLowerCase());
    drawnRows.delete(card.key);
    drawTable(card, holder);
  });
  holder.before(input);
}

function matching(card, rows) {
  const words = (sought.get(card.key) ?? "").split(/\s+/).filter(Boolean);
  if (!words.length) return rows;
  const columns = Object.entries(card.columns);
  return rows.filter((row) => {
    const text = columns.map(([name, column]) => shown(row[name], column)).join("\u0000").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function head(card, holder) {
  const picked = sorts.get(card.key);
  const cells = Object.entries(card.columns).map(([name, column]) => {
    const direction = picked?.down ? "descending" : "ascending";
    const order = picked?.name === name ? direction : "none";
    const button = element("button", { type: "button", class: "plain sort" }, column.label);
    button.addEventListener("click", () => sortBy(card, name, holder));
    return element("th", { scope: "col", class: column.align, "aria-sort": order }, button);
  });
  return element("thead", {}, element("tr", {}, ...cells));
}

// Numbers and times start with the largest, text with A; the third click brings the card's own order back.
function sortBy(card, name, holder) {
  const picked = sorts.get(card.key);
  const downFirst = ["number", "day", "time"].includes(card.columns[name].align);
  if (picked?.name !== name) sorts.set(card.key, { name, down: downFirst });
  else if (picked.down === downFirst) sorts.set(card.key, { name, down: !downFirst });
  else sorts.delete(card.key);
  drawTable(card, holder);
  const place = Object.keys(card.columns).indexOf(name);
  holder.querySelectorAll("th button")[place].focus();
}

function line(card, row) {
  const cells = Object.entries(card.columns).map(([name, column], index) => {
    const text = shown(row[name], column);
    const unknown = isUnknown(row[name], column) ? " unknown" : "";
    const hint = column.align === "label" ? { title: text } : {};
    const opens = index === 0 && card.opens;
    const content = opens
      ? element("a", { class: "open", href: written("conversation", { session: row.session_id }) }, text)
      : text;
    return element("td", { class: column.align + unknown, ...hint }, content);
  });
  return element("tr", {}, ...cells);
}

function copyButton(card, rows) {
  const label = `Copy ${counted(rows.length, "row")}`;
  const button = element("button", { type: "button", class: "plain copy" }, label);
  button.addEventListener("click", async () => {
    const worked = await copyText(asText(card, rows));
    button.textContent = worked ? "Copied" : "The browser does not allow it";
    setTimeout(() => { button.textContent = label; }, SAID_FOR);
  });
  return button;
}

function asText(card, rows) {
  const columns = Object.entries(card.columns);
  const lines = rows.map((row) => columns.map(([name, column]) => cellText(row[name], column)));
  return [columns.map(([, column]) => column.label), ...lines].map((cells) => cells.join("\t")).join("\n");
}

// Numbers as they are, so that a spreadsheet can count with them; what is not recorded is an empty cell.
function cellText(value, column) {
  if (value === null || value === undefined) return "";
  return column.align === "number" ? String(value) : shown(value, column).replace(/[\t\r\n]+/g, " ");
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // a sandboxed page has no clipboard of its own
  }
}

function copyBySelection(text) {
  const area = element("textarea", { class: "unseen" });
  area.value = text;
  document.body.append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  return worked;
}
