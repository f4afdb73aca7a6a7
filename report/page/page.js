// Tabs, filters and the session that is open: what a reader chooses goes to `state` and to the address, then is drawn.
import { pushAddress, readAddress } from "./address.js";
import { drawVisible, outdate, redraw } from "./cards.js";
import { tip } from "./chart.js";
import { drawConversation, offer, sessionShown } from "./conversation.js";
import { DATA, dayNumber, dayText, lastBefore, state } from "./data.js";
import { control } from "./elements.js";
import { drawSearch } from "./search.js";

const PAUSE = 150; // milliseconds after the last change of the window's width
const MONTH = 30; // days
const tabs = [...document.querySelectorAll("nav a")];
const panels = [...document.querySelectorAll("main > section")];
const strip = document.querySelector("nav");
let current = "";

const drawings = { conversation: drawConversation, search: drawSearch };

function showTab(id) {
  current = panels.some((panel) => panel.id === id) ? id : panels[0].id;
  for (const panel of panels) panel.hidden = panel.id !== current;
  for (const tab of tabs) {
    const chosen = tab.hash === `#${current}`;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    if (chosen) strip.scrollLeft = tab.offsetLeft - strip.clientWidth / 2 + tab.offsetWidth / 2;
  }
  drawVisible();
  return drawings[current]?.();
}

// A tab starts at its top: the page's header may be scrolled away, the tab's own heading never is.
const toTop = () => scrollTo({ top: Math.min(scrollY, document.querySelector(".top").offsetHeight) });

function goTo(id) {
  state.step = null;
  showTab(id);
  pushAddress(current);
  toTop();
}

function upgradeTab(tab, index) {
  const id = tab.hash.slice(1);
  const more = { role: "tab", id: `tab-${id}`, "aria-controls": id };
  for (const [name, value] of Object.entries(more)) tab.setAttribute(name, value);
  panels[index].setAttribute("role", "tabpanel");
  panels[index].setAttribute("aria-labelledby", tab.id);
  tab.addEventListener("click", (event) => {
    event.preventDefault();
    goTo(id);
  });
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -index, End: tabs.length - 1 - index }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = tabs[(index + step + tabs.length) % tabs.length];
    goTo(next.hash.slice(1));
    next.focus({ preventScroll: true });
  });
}

function setPeriod(from, to, preset) {
  Object.assign(state, { from, to, preset });
  control("from").value = dayText(from);
  control("to").value = dayText(to);
  control("period").value = [...control("period").options].some((one) => one.value === preset) ? preset : "custom";
  sayWhereItEnded();
}

// A history may have ended long before the period that is shown first.
const nothing = document.querySelector(".nothing");

function sayWhereItEnded() {
  const last = lastBefore();
  nothing.hidden = last === null;
  nothing.querySelector("span").textContent = last === null
    ? ""
    : `Nothing happened in this period. The newest day with anything is ${dayText(last)}.`;
}

function setProject(name) {
  state.project = name;
  control("project").value = name;
  if (control("project").value === name) return;
  state.project = ""; // a link from another report
  control("project").value = "";
}

function setSession(session) {
  state.session = session;
  offer(session);
  control("session").value = sessionShown();
}

function choose() {
  redraw();
  if (current === "search") drawSearch();
  pushAddress(current);
}

function upgradeFilters() {
  const { first_day: first, last_day: last } = DATA.meta;
  control("period").addEventListener("change", ({ target }) => {
    if (target.value === "custom") return control("from").focus();
    setPeriod(target.value === "all" ? first : last - Number(target.value) + 1, last, target.value);
    choose();
  });
  for (const id of ["from", "to"]) {
    control(id).addEventListener("change", () => {
      const [from, to] = [control("from").value, control("to").value].map(dayNumber);
      if (!(from <= to)) return setPeriod(state.from, state.to, state.preset);
      setPeriod(from, to, "custom");
      choose();
    });
  }
  nothing.querySelector("button").addEventListener("click", () => {
    const end = lastBefore();
    setPeriod(Math.max(first, end - MONTH + 1), end, "custom");
    choose();
  });
  control("project").addEventListener("change", ({ target }) => {
    setProject(target.value);
    choose();
  });
}

function upgradeSessions() {
  control("session").addEventListener("change", ({ target }) => {
    state.step = null;
    setSession(target.value);
    outdate((card) => DATA.datasets[card.dataset]?.pick);
    goTo("conversation");
  });
}

function upgradeSearch() {
  document.querySelector(".searching").addEventListener("submit", (event) => {
    event.preventDefault();
    state.query = control("words").value.trim();
    goTo("search");
  });
}

// What the address says, drawn.
function follow() {
  const { tab, from, to, preset, project, session, step, query } = readAddress();
  setPeriod(from, to, preset);
  setProject(project);
  setSession(session);
  Object.assign(state, { step, query });
  outdate();
  return showTab(tab);
}

// Back, or a link within the page. Files are waited for: until they are drawn, the page is not as long as it was.
addEventListener("popstate", async ({ state: kept }) => {
  const drawn = follow();
  if (kept && "scroll" in kept) {
    await drawn;
    scrollTo({ top: kept.scroll });
  } else if (state.step === null) toTop();
});

let resizing;
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  clearTimeout(resizing);
  resizing = setTimeout(redraw, PAUSE);
});
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("printing");
  for (const panel of panels) panel.hidden = false;
  outdate();
  drawVisible(true);
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("printing");
  outdate();
  showTab(current);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

document.documentElement.classList.add("js");
// Opened from disk there is no status page to lead to.
document.querySelector(".status-page").hidden = !location.protocol.startsWith("http");
document.body.append(tip);
strip.firstElementChild.setAttribute("role", "tablist");
tabs.forEach(upgradeTab);
control("period").form.addEventListener("submit", (event) => event.preventDefault());
upgradeFilters();
upgradeSessions();
upgradeSearch();
// Opened at a tab, the browser goes to the tab's heading, and filters and notes would be above what is seen.
addEventListener("load", () => {
  const [how] = performance.getEntriesByType("navigation");
  if (how?.type === "navigate" && state.step === null) scrollTo({ top: 0 });
});
follow();
document.documentElement.dataset.ready = "true";
