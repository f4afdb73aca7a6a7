// The address holds what is seen: `#cost?period=90&project=app`, `#conversation?session=...&step=12`, `#search?q=...`.
// Back and a copied link work.
import { DATA, dayNumber, dayText, state } from "./data.js";

export function readAddress() {
  const [tab, query] = location.hash.slice(1).split("?");
  return { tab: named(tab), ...filtersOf(new URLSearchParams(query)) };
}

function named(tab) {
  try {
    return decodeURIComponent(tab);
  } catch {
    return ""; // an address that somebody cut short
  }
}

function filtersOf(given) {
  const { first_day: first, last_day: last, period } = DATA.meta;
  const step = given.get("step");
  const chosen = {
    ...period, project: given.get("project") ?? "", session: given.get("session") ?? "", query: given.get("q") ?? "",
    step: /^\d+$/.test(step ?? "") ? Number(step) : null,
  };
  const [from, to] = [dayNumber(given.get("from")), dayNumber(given.get("to"))];
  if (from <= to) return { ...chosen, from, to, preset: "custom" };
  const preset = given.get("period");
  if (preset === "all") return { ...chosen, from: first, to: last, preset };
  const days = Number(preset);
  return days > 0 ? { ...chosen, from: last - days + 1, to: last, preset } : chosen;
}

// The address of a tab under the present filters; `other` session and step than the present ones.
export function written(tab, { session, step, query } = state) {
  const place = { session, step: tab === "conversation" ? step : null, q: tab === "search" ? query : "" };
  const parts = Object.entries({ ...filters(), ...place }).filter(([, value]) => value !== "" && value !== null);
  const text = new URLSearchParams(parts).toString();
  return `#${tab}${text ? `?${text}` : ""}`;
}

function filters() {
  const { from, to, preset, project } = state;
  if (preset === "custom") return { from: dayText(from), to: dayText(to), project };
  return { period: preset === DATA.meta.period.preset ? "" : preset, project };
}

// Go to what is seen now: a new step of the history, which remembers how far down the one before was.
export function pushAddress(tab) {
  const next = written(tab);
  if (next === location.hash) return;
  history.replaceState({ scroll: scrollY }, "");
  history.pushState({}, "", next);
}
