// The address holds what is seen: `#cost?period=90&project=app`, `#sessions?session=...`. Back and a copied link work.
import { DATA, dayNumber, dayText, state } from "./data.js";

export function readAddress() {
  const [tab, query] = location.hash.slice(1).split("?");
  return { tab: decodeURIComponent(tab), ...filtersOf(new URLSearchParams(query)) };
}

function filtersOf(given) {
  const { first_day: first, last_day: last, period } = DATA.meta;
  const chosen = { ...period, project: given.get("project") ?? "", session: given.get("session") ?? "" };
  const [from, to] = [dayNumber(given.get("from")), dayNumber(given.get("to"))];
  if (from <= to) return { ...chosen, from, to, preset: "custom" };
  const preset = given.get("period");
  if (preset === "all") return { ...chosen, from: first, to: last, preset };
  const days = Number(preset);
  return days > 0 ? { ...chosen, from: last - days + 1, to: last, preset } : chosen;
}

function written(tab) {
  const query = new URLSearchParams();
  if (state.preset === "custom") {
    query.set("from", dayText(state.from));
    query.set("to", dayText(state.to));
  } else if (state.preset !== DATA.meta.period.preset) query.set("period", state.preset);
  if (state.project) query.set("project", state.project);
  if (state.session) query.set("session", state.session);
  const text = query.toString();
  return `#${tab}${text ? `?${text}` : ""}`;
}

// Go to what is seen now: a new step of the history, which remembers how far down the one before was.
export function pushAddress(tab) {
  const next = written(tab);
  if (next === location.hash) return;
  history.replaceState({ scroll: scrollY }, "");
  history.pushState({}, "", next);
}
