// Fetches the same page again and swaps the parts marked data-live, so the server's HTML stays the only rendering.
"use strict";

const BUSY = 1000, IDLE = 10000;

async function refresh() {
  let next = IDLE;
  try {
    const response = await fetch(location.pathname, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (response.ok) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      document.title = page.title;
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(part.id);
        if (fresh && fresh.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) swap(part, fresh);
      }
      if (page.querySelector("progress")) next = BUSY;
      if (page.querySelector("[data-final]")) return;
    }
  } catch {
    // the runner restarts or the network is away: the page stays as it is until the next look succeeds
  }
  setTimeout(refresh, next);
}

function swap(part, fresh) {
  const log = part.querySelector(".log");
  const atEnd = !log || log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  const top = log ? log.scrollTop : 0;
  part.replaceChildren(...document.importNode(fresh, true).childNodes);
  const newLog = part.querySelector(".log");
  if (newLog) newLog.scrollTop = atEnd ? newLog.scrollHeight : top;
}

setTimeout(refresh, document.querySelector("progress") ? BUSY : IDLE);
