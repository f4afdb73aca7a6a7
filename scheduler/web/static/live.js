// Fetches the same page again and swaps the parts marked data-live, so the server's HTML stays the only rendering.
const BUSY = 1000; // milliseconds between two requests while a run is active
const IDLE = 10_000;
const END = 8; // pixels from the end of a log that still count as its end

const pause = (page) => (page.querySelector("progress") ? BUSY : IDLE);

async function refresh() {
  let next = IDLE;
  try {
    const response = await fetch(location.pathname, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (response.ok) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      show(page);
      next = pause(page);
      if (page.querySelector("[data-final]")) return;
    }
  } catch {
    // The scheduler is restarting or the network is down: the page keeps its content until a later request succeeds.
  }
  setTimeout(refresh, next);
}

function show(page) {
  document.title = page.title;
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (fresh && fresh.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) swap(part, fresh);
  }
}

function swap(part, fresh) {
  const log = part.querySelector(".log");
  const atEnd = !log || log.scrollTop + log.clientHeight >= log.scrollHeight - END;
  const top = log ? log.scrollTop : 0;
  part.replaceChildren(...document.importNode(fresh, true).childNodes);
  const newLog = part.querySelector(".log");
  if (newLog) newLog.scrollTop = atEnd ? newLog.scrollHeight : top;
}

setTimeout(refresh, pause(document));
