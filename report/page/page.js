// Tabs, filters and when to draw: a card is drawn when its tab is seen, and again when a filter changed.
const stale = new Set(Object.keys(DATA.cards));
const nodes = new Map([...document.querySelectorAll("[data-card]")].map((node) => [node.dataset.card, node]));
const tabs = [...document.querySelectorAll("nav a")];
const panels = [...document.querySelectorAll("main > section")];

function drawVisible(everything = false) {
  for (const key of [...stale]) {
    const node = nodes.get(key);
    if (!everything && node.offsetParent === null) continue;
    drawCard(DATA.cards[key], node);
    stale.delete(key);
  }
}

function redraw() {
  for (const key of nodes.keys()) stale.add(key);
  drawVisible();
}

function showTab(id, focus = false) {
  const known = panels.some((panel) => panel.id === id) ? id : panels[0].id;
  for (const panel of panels) panel.hidden = panel.id !== known;
  for (const tab of tabs) {
    const chosen = tab.hash === `#${known}`;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    if (chosen && focus) tab.focus();
    const strip = tab.closest("nav");
    if (chosen) strip.scrollLeft = tab.offsetLeft - strip.clientWidth / 2 + tab.offsetWidth / 2;
  }
  drawVisible();
}

function upgradeTabs() {
  document.querySelector("nav > div").setAttribute("role", "tablist");
  tabs.forEach((tab, index) => {
    const id = tab.hash.slice(1);
    tab.setAttribute("role", "tab");
    tab.id = `tab-${id}`;
    tab.setAttribute("aria-controls", id);
    panels[index].setAttribute("role", "tabpanel");
    panels[index].setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      history.replaceState(null, "", tab.hash);
      showTab(id);
    });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -index, End: tabs.length - 1 - index }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const next = tabs[(index + step + tabs.length) % tabs.length];
      history.replaceState(null, "", next.hash);
      showTab(next.hash.slice(1), true);
    });
  });
  addEventListener("hashchange", () => showTab(location.hash.slice(1)));
}

const control = (id) => document.getElementById(id);
function setPeriod(from, to, preset) {
  Object.assign(state, { from, to, preset });
  control("from").value = dayText(from);
  control("to").value = dayText(to);
  control("period").value = preset;
}

function upgradeFilters() {
  const { first_day: first, last_day: last } = DATA.meta;
  control("period").addEventListener("change", ({ target }) => {
    if (target.value === "custom") return control("from").focus();
    setPeriod(target.value === "all" ? first : last - Number(target.value) + 1, last, target.value);
    redraw();
  });
  for (const id of ["from", "to"]) {
    control(id).addEventListener("change", () => {
      const [from, to] = [control("from").value, control("to").value].map(dayNumber);
      if (Number.isNaN(from) || Number.isNaN(to) || from > to) return setPeriod(state.from, state.to, state.preset);
      setPeriod(from, to, "custom");
      redraw();
    });
  }
  control("project").addEventListener("change", ({ target }) => {
    state.project = target.value;
    redraw();
  });
  setPeriod(state.from, state.to, state.preset);
}

function upgradeSessions() {
  const pick = control("session");
  document.addEventListener("click", ({ target }) => {
    const session = target.closest?.(".open")?.dataset.session;
    if (!session) return;
    const card = nodes.get(DATA.meta.session_card);
    showTab(card.closest("main > section").id);
    openSession(session);
    card.scrollIntoView({ behavior: "smooth", block: "center" });
  });
  pick?.addEventListener("change", () => openSession(pick.value));
}

function openSession(session) {
  state.session = session;
  const pick = control("session");
  if (pick) pick.value = session;
  for (const [key, card] of Object.entries(DATA.cards)) if (DATA.datasets[card.dataset]?.pick) stale.add(key);
  drawVisible();
}

let resizing;
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  clearTimeout(resizing);
  resizing = setTimeout(redraw, 150);
});
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("printing");
  for (const panel of panels) panel.hidden = false;
  for (const key of nodes.keys()) stale.add(key);
  drawVisible(true);
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("printing");
  for (const key of nodes.keys()) stale.add(key);
  showTab(location.hash.slice(1));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

document.documentElement.classList.add("js");
document.body.append(tip);
upgradeTabs();
upgradeFilters();
upgradeSessions();
showTab(location.hash.slice(1));
document.documentElement.dataset.ready = "true";
