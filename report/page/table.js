// Tables: sorted by a click on a column's name, copied as text that a spreadsheet takes, cut where they are long.
import { written } from "./address.js";
import { DATA, found, sorts } from "./data.js";
import { element, isUnknown, shown } from "./elements.js";

const SAID_FOR = 2000; // milliseconds

export function drawTable(card, holder) {
  const { rows, total } = found(card);
  const shownRows = rows.slice(0, DATA.meta.table_rows);
  const table = element("table", {}, element("caption", { class: "unseen" }, card.title), head(card, holder),
    element("tbody", {}, ...shownRows.map((row) => line(card, row))));
  holder.replaceChildren(table);
  const tools = holder.parentElement.querySelector(".tools") ?? element("div", { class: "tools" });
  tools.replaceChildren(...cutNote(shownRows.length, total), copyButton(card, rows));
  holder.after(tools);
}

const count = (number) => number.toLocaleString("en-US");
const cutNote = (few, total) =>
  (few < total ? [element("span", { class: "cut" }, `The first ${count(few)} of ${count(total)} rows.`)] : []);

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
  const label = `Copy ${count(rows.length)} ${rows.length === 1 ? "row" : "rows"}`;
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
