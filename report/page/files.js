// Files beside the report. A page opened from disk may not fetch them, but may run them as scripts, which hand over
// what they hold: JSON, packed, so that nothing a transcript says is ever part of a script.
import { DATA } from "./data.js";
import { element } from "./elements.js";

const waiting = new Map();

window.receiveClaudeAnalytics = (name, packed) => waiting.get(name)?.(packed);

async function unpacked(packed) {
  const letters = atob(packed);
  const bytes = new Uint8Array(letters.length); // filled one by one: from() with a function takes ten times as long
  for (let place = 0; place < letters.length; place += 1) bytes[place] = letters.charCodeAt(place);
  const stream = new Response(bytes).body.pipeThrough(new window.DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function received(name) {
  return new Promise((resolve, reject) => {
    const script = element("script", { src: `${DATA.meta.kept.folder}/${name}.js` });
    const done = (settle) => (value) => {
      waiting.delete(name);
      script.remove();
      settle(value);
    };
    waiting.set(name, done(resolve));
    script.addEventListener("error", done(reject));
    script.addEventListener("load", () => waiting.has(name) && done(reject)());
    document.head.append(script);
  });
}

const loading = new Map(); // one script for a file, however many ask for it at once

// The value of a file; the promise fails where the report lies alone.
export function load(name) {
  if (!loading.has(name)) {
    loading.set(name, received(name).then(unpacked).finally(() => loading.delete(name)));
  }
  return loading.get(name);
}

export const fileOf = (session) => DATA.meta.kept.names[session] ?? session;
