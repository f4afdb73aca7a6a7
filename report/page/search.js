// Full-text search: what was said and called, month by month from files beside the report, the newest first.
import { written } from "./address.js";
import { DATA, dayNumber, state } from "./data.js";
import { control, element } from "./elements.js";
import { load } from "./files.js";
import { show } from "./format.js";
import { clean, counted } from "./words.js";

const AT_ONCE = 30; // sessions
const SNIPPETS = 3;
const AROUND = 90; // characters on each side of what was found
const KINDS = { prompt: "Prompt", command: "Command", shell: "Shell", task: "Task", answer: "Answer", call: "Tool call",
  summary: "Summary", title: "Title" };
const ISO_DAY = "2026-01-01".length;

const status = document.querySelector("#search .found");
const list = document.querySelector("#search .hits");
const more = document.querySelector("#search .more");
const months = new Map(); // what was read stays, for the next words
let turn = 0;
let hits = [];

// `one "two words"` are two things to look for, each in any case.
export function wanted(query) {
  const parts = query.toLowerCase().match(/"[^"]+"|[^\s"]+/g) ?? [];
  return parts.map((part) => part.replace(/"/g, "")).filter(Boolean);
}

function holds(text, words) {
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word));
}

function inSession(session, words) {
  const steps = session.steps.filter(([, , text]) => holds(text, words));
  const title = session.title && holds(session.title, words) ? [[null, "title", session.title]] : [];
  return [...title, ...steps];
}

function isChosen({ project, started }) {
  if (state.project && (project ?? "(none)") !== state.project) return false;
  if (!started) return state.preset === "all";
  const day = dayNumber(started.slice(0, ISO_DAY));
  return day >= state.from && day <= state.to;
}

async function monthOf(name) {
  if (!months.has(name)) months.set(name, await load(name));
  return months.get(name);
}

function marked(text, words) {
  const lower = text.toLowerCase();
  const places = words.flatMap((word) => {
    const found = [];
    for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + word.length)) {
      found.push([at, at + word.length]);
    }
    return found;
  }).sort(([a], [b]) => a - b);
  const parts = [];
  let end = 0;
  for (const [from, to] of places) {
    if (from < end) continue;
    parts.push(text.slice(end, from), element("mark", {}, text.slice(from, to)));
    end = to;
  }
  return [...parts, text.slice(end)];
}

function snippet(text, words) {
  const plain = clean(text).replace(/\s+/g, " ");
  const lower = plain.toLowerCase();
  const at = Math.max(0, Math.min(...words.map((word) => lower.indexOf(word)).filter((place) => place >= 0)));
  const from = Number.isFinite(at) ? Math.max(0, at - AROUND) : 0;
  const cut = plain.slice(from, from + AROUND * 2 + words.join(" ").length);
  return [from ? "… " : "", ...marked(cut, words), from + cut.length < plain.length ? " …" : ""];
}

const address = (session, step) => written("conversation", { session, step });

function hitNode({ session, steps, words }) {
  const lines = steps.slice(0, SNIPPETS).map(([number, kind, text]) => element("li", {},
    element("a", { href: address(session.id, number) }, KINDS[kind] ?? kind), " ", ...snippet(text, words)));
  const left = steps.length - lines.length;
  const rest = left > 0 ? [element("li", { class: "quiet" }, `${counted(left, "more place")} in this session`)] : [];
  const day = session.started?.slice(0, ISO_DAY) ?? "time not recorded";
  const facts = [day, clean(session.project ?? "(none)"), show(session.cost, "usd"), counted(steps.length, "place")];
  return element("li", { class: "card" },
    element("h3", {}, element("a", { href: address(session.id, null) }, clean(session.title ?? "(untitled)"))),
    element("p", { class: "quiet" }, facts.join(" · ")), element("ul", {}, ...lines, ...rest));
}

function drawUpTo(most) {
  list.append(...hits.slice(list.children.length, most).map(hitNode));
  more.hidden = list.children.length >= hits.length;
}

function summary(outside) {
  const places = hits.reduce((sum, hit) => sum + hit.steps.length, 0);
  const cost = hits.reduce((sum, hit) => sum + (hit.session.cost ?? 0), 0);
  const shown = hits.length > AT_ONCE ? `, the newest ${AT_ONCE} first` : "";
  const found = hits.length
    ? `${counted(places, "place")} in ${counted(hits.length, "session")}${shown}; they cost ${show(cost, "usd")}.`
    : "Nothing in this period and project.";
  return outside ? `${found} ${counted(outside, "more session")} outside this period or project.` : found;
}

async function look(words, own) {
  const names = DATA.meta.kept.searched;
  let outside = 0;
  for (const [place, name] of names.entries()) {
    for (const session of await monthOf(name)) {
      const steps = inSession(session, words);
      if (steps.length && isChosen(session)) hits.push({ session, steps, words });
      else if (steps.length) outside += 1;
    }
    if (own !== turn) return;
    drawUpTo(AT_ONCE);
    status.textContent = `Read ${place + 1} of ${names.length} months; ${counted(hits.length, "session")} so far …`;
  }
  status.textContent = summary(outside);
}

// Search for what the address says.
export async function drawSearch() {
  turn += 1;
  const own = turn;
  hits = [];
  list.replaceChildren();
  more.hidden = true;
  control("words").value = state.query;
  const words = wanted(state.query);
  status.textContent = "";
  if (!words.length) return;
  try {
    await look(words, own);
  } catch {
    const { folder } = DATA.meta.kept;
    status.textContent = `The search reads ${folder}/, the folder beside the report where it was made; it is not here.`;
  }
}

more.addEventListener("click", () => drawUpTo(list.children.length + AT_ONCE));
