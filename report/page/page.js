// Tabs, filters and the session that is open: what a reader chooses goes to `state` and to the address, then is drawn.
import { pushAddress, readAddress } from "./address.js";
import { drawVisible, nodes, outdate, redraw } from "./cards.js";
import { tip } from "./chart.js";
import { DATA, dayNumber, dayText, state } from "./data.js";
import { control } from "./elements.js";

const PAUSE = 150; // milliseconds after the last change of the window's width
const tabs = [...document.querySelectorAll("nav a")];
const panels = [...document.querySelectorAll("main > section")];
const strip = document.querySelector("nav");
let current = "";

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
}

// A tab starts at its top: the page's header may be scrolled away, the tab's own heading never is.
const toTop = () => scrollTo({ top: Math.min(scrollY, document.querySelector(".top").offsetHeight) });

function goTo(id) {
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
  const pick = control("session");
  if (pick) pick.value = session || DATA.datasets.timeline?.first;
}

function choose() {
  redraw();
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
  control("project").addEventListener("change", ({ target }) => {
    setProject(target.value);
    choose();
  });
}

function openSession(session) {
  setSession(session);
  outdate((card) => DATA.datasets[card.dataset]?.pick);
  const card = nodes.get(DATA.meta.session_card);
  showTab(card.closest("main > section").id);
  pushAddress(current);
  return card;
}

function upgradeSessions() {
  document.addEventListener("click", ({ target }) => {
    const session = target.closest?.(".open")?.dataset.session;
    if (session) openSession(session).closest(".grid").previousElementSibling.scrollIntoView({ block: "start" });
  });
  control("session")?.addEventListener("change", ({ target }) => openSession(target.value));
}

// What the address says, drawn.
function follow() {
  const { tab, from, to, preset, project, session } = readAddress();
  setPeriod(from, to, preset);
  setProject(project);
  setSession(session);
  outdate();
  showTab(tab);
}

addEventListener("popstate", ({ state: kept }) => {
  follow();
  if (kept && "scroll" in kept) scrollTo({ top: kept.scroll });
  else toTop();
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
document.body.append(tip);
strip.firstElementChild.setAttribute("role", "tablist");
tabs.forEach(upgradeTab);
upgradeFilters();
upgradeSessions();
follow();
document.documentElement.dataset.ready = "true";
