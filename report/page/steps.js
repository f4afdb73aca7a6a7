// The steps of a conversation as nodes. What is long stands folded, and is made when it is opened.
import { callLine, callParts } from "./call.js";
import { element } from "./elements.js";
import { show } from "./format.js";
import { clean, count, counted } from "./words.js";

const NAMES = {
  prompt: "Prompt", command: "Slash command", shell: "Shell command", task: "Task", answer: "Answer",
  thinking: "Thinking", call: "Tool call", summary: "Summary", output: "Command output", interruption: "Interruption",
  error: "API error", synthetic: "Claude Code", injected: "Added text", result: "Further result", media: "Attachment",
  request: "Answer, no line", event: "Event", agent: "Sub-agent",
};
const FOLDED = ["thinking", "summary", "output", "injected"];
const CLOCK = "2026-01-01 ".length; // what stands before the time of day

const idOf = (number) => `step-${number}`;

function usageText({ model, input, output, cache_read: read, cache_write: write, cost }) {
  const tokens = [[input, "in"], [output, "out"], [read, "from the cache"], [write, "to the cache"]];
  const written = tokens.filter(([number]) => number).map(([number, where]) => `${show(number, "tokens")} ${where}`);
  return { cost: show(cost, "usd"), rest: [clean(model ?? "unknown model"), ...written].join(", ") };
}

function usageNode(step) {
  if (!step.usage) return [];
  const { cost, rest } = usageText(step.usage);
  return [element("span", { class: "cost", title: rest }, cost), element("span", { class: "unseen" }, ` ${rest}`)];
}

function meta(step, name) {
  const clock = step.time
    ? [element("time", { title: step.time }, step.time.slice(CLOCK))]
    : [element("span", {}, "time not recorded")];
  const copied = step.copied
    ? [element("span", { class: "badge gone", title: "Its cost and its calls count there." }, "from another session")]
    : [];
  return element("p", { class: "meta" }, element("b", {}, name), ...clock, ...usageNode(step), ...copied);
}

const said = (text) => element("div", { class: "text" }, clean(text).replace(/^\s*\n|\s+$/g, ""));

// A part that is filled when it is opened, be it by a click or by a link to a step inside.
function folded(summary, fill, more = {}) {
  const node = element("details", more, element("summary", {}, ...summary));
  const once = () => {
    if (!node.open || node.dataset.filled) return;
    node.dataset.filled = "true";
    node.append(...fill());
  };
  node.addEventListener("toggle", once);
  node.fillNow = () => {
    node.open = true;
    once();
  };
  return node;
}

const stepsIn = (steps) => steps.reduce((sum, step) => sum + 1 + within(step), 0);
const within = (step) => (step.agents ?? []).reduce((sum, agent) => sum + stepsIn(agent.steps), 0);

export function costOf(steps) {
  return steps.reduce((sum, step) => (
    sum + (step.usage?.cost ?? 0) + (step.agents ?? []).reduce((inner, agent) => inner + costOf(agent.steps), 0)), 0);
}

function agentNode(agent) {
  const what = [agent.type, agent.text].filter(Boolean).map(clean).join(": ");
  const took = agent.ms === null ? [] : [show(agent.ms, "duration")];
  const did = agent.steps.length ? [counted(stepsIn(agent.steps), "step"), show(costOf(agent.steps), "usd")] : [];
  const facts = [...did, ...took].join(", ");
  const line = [element("b", {}, "Sub-agent"), ` ${what} `, element("span", { class: "quiet" }, facts)];
  if (!agent.steps.length) {
    return element("p", { class: "agent" }, ...line, " Its lines are not recorded.");
  }
  return folded(line, () => [element("ol", { class: "steps" }, ...agent.steps.map(stepNode))], { class: "agent" });
}

function foldedText(step, name) {
  if (!step.text) return element("p", { class: "quiet" }, `${name}: the text is not recorded`);
  return folded([`${name}, ${counted(step.text.length, "character")}`], () => [said(step.text)]);
}

function content(step) {
  const name = NAMES[step.kind] ?? step.kind;
  if (step.kind === "call") return [folded(callLine(step), () => callParts(step), { class: "call" })];
  if (step.kind === "result") return [folded([name], () => callParts(step), { class: "call" })];
  if (step.kind === "event") return [said([step.name, step.text].filter(Boolean).join(": "))];
  if (step.kind === "media") return [said(`${step.text}, not kept`)];
  if (FOLDED.includes(step.kind)) return [foldedText(step, name)];
  return step.text ? [said(step.text)] : [];
}

export function stepNode(step) {
  const look = step.outcome === "error" || step.kind === "error" ? " failed" : "";
  const agents = (step.agents ?? []).map(agentNode);
  return element("li", { id: idOf(step.n), class: `entry ${step.kind}${look}`, tabindex: "-1" },
    meta(step, NAMES[step.kind] ?? step.kind), element("div", { class: "body" }, ...content(step), ...agents));
}

// The numbers of the steps on the way to one: itself last, before it those whose sub-agents hold it.
function wayTo(steps, number) {
  for (const step of steps) {
    if (step.n === number) return [step];
    for (const agent of step.agents ?? []) {
      const way = wayTo(agent.steps, number);
      if (way) return [step, ...way];
    }
  }
  return null;
}

// Open all that hides a step, and go there; false where it is not on the page.
export function reveal(steps, number) {
  const way = wayTo(steps, number);
  if (!way) return true; // a link to a session that is no more what it was: its beginning has to do
  for (const step of way) {
    for (const part of document.querySelectorAll(`#${idOf(step.n)} > .body > details`)) part.fillNow();
  }
  const node = document.getElementById(idOf(number));
  node?.scrollIntoView({ block: "start" });
  node?.focus({ preventScroll: true });
  return Boolean(node);
}

export const facts = (made) => [
  made.project && clean(made.project),
  made.started ? `${made.started} to ${made.ended}` : "time not recorded",
  `${show(made.cost, "usd")} for ${counted(made.requests, "answer")}`,
  made.unpriced ? `${count(made.unpriced)} of them without a price` : "",
  made.models.map(clean).join(", "),
  made.branch && `branch ${clean(made.branch)}`,
  made.host && clean(made.host),
].filter(Boolean);
