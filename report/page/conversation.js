// One session: its whole conversation from the file beside the report; where the report lies alone, the timeline in it.
import { DATA, columnOf, state } from "./data.js";
import { control, element } from "./elements.js";
import { fileOf, load } from "./files.js";
import { facts, reveal, stepNode } from "./steps.js";
import { clean, counted } from "./words.js";

const AT_ONCE = 200; // steps that are drawn before the page answers again
const ISO_DAY = "2026-01-01".length;
const VIEWS = {
  all: "Everything", talk: "Prompts and answers", failed: "Failures",
};
const shownFor = {
  all: () => true,
  talk: (step) => ["prompt", "command", "shell", "answer", "summary", "interruption"].includes(step.kind),
  failed: (step) => step.kind === "error" || ["error", "denied", "interrupted", "incomplete"].includes(step.outcome),
};

const panel = document.getElementById("conversation");
const holder = panel.querySelector(".said");
const held = panel.querySelector(".held");
let opened = null; // what is shown: the session's file
let turn = 0; // of two sessions opened one after the other only the second is drawn

export const sessionShown = () => state.session || DATA.datasets.timeline?.first;

function timelineOf(session) {
  const { timeline } = DATA.datasets;
  return Boolean(timeline) && columnOf(timeline, timeline.pick).includes(session);
}

function sayWhatIsMissing(session) {
  const where = `${DATA.meta.kept.folder}/, the folder beside the report where it was made`;
  held.textContent = timelineOf(session)
    ? `This copy of the report holds the session's timeline. The whole conversation is in ${where}.`
    : `This copy of the report does not hold this session. Its conversation is in ${where}.`;
}

function chooser(list, steps) {
  const select = element("select", {}, ...Object.entries(VIEWS).map(([value, name]) => (
    element("option", { value }, `${name} (${steps.filter(shownFor[value]).length})`))));
  select.addEventListener("change", () => drawSteps(list, steps.filter(shownFor[select.value])));
  return element("label", {}, "Show", select);
}

// Steps tell the time of day; where another day begins, the day stands before them.
function withDay(step, before) {
  const [day, last] = [step, before].map((one) => one?.time?.slice(0, ISO_DAY));
  const begins = day && last && day !== last;
  return [...(begins ? [element("li", { class: "day" }, day)] : []), stepNode(step)];
}

async function drawSteps(list, steps) {
  list.replaceChildren();
  list.drawing = steps;
  for (let at = 0; at < steps.length; at += AT_ONCE) {
    list.append(...steps.slice(at, at + AT_ONCE).flatMap((step, place) => withDay(step, steps[at + place - 1])));
    await new Promise((resolve) => { setTimeout(resolve); });
    if (list.drawing !== steps) return;
  }
}

async function draw(made) {
  const list = element("ol", { class: "steps" });
  const unfold = element("button", { type: "button" }, "Open all on this page");
  unfold.addEventListener("click", () => { for (const part of list.querySelectorAll("details")) part.fillNow(); });
  const length = made.steps.length ? counted(made.steps.length, "step") : "This session holds no prompt and no call.";
  holder.replaceChildren(
    element("h3", { class: "part" }, clean(made.title ?? "(untitled)")),
    element("p", { class: "quiet facts" }, facts(made).join(" · ")),
    element("div", { class: "choices" }, chooser(list, made.steps), unfold, length),
    list,
  );
  holder.dataset.session = made.id;
  await drawSteps(list, made.steps);
}

// Draw the session of the address; the promise ends when all of it is there.
export async function drawConversation() {
  const session = sessionShown();
  turn += 1;
  const own = turn;
  panel.classList.toggle("none", !session);
  if (!session) {
    held.textContent = "No session yet.";
    return;
  }
  if (opened?.id !== session && !(await open(session, own))) return;
  if (own === turn && state.step !== null && !reveal(opened.steps, state.step)) {
    await draw(opened); // a choice of steps hides it
    reveal(opened.steps, state.step);
  }
}

// Load and draw a session; false where its file is not there, or another one was opened meanwhile.
async function open(session, own) {
  holder.replaceChildren();
  opened = null;
  held.textContent = "Loading the session …";
  const made = await load(fileOf(session)).catch(() => null);
  if (own !== turn) return false;
  opened = made;
  panel.classList.toggle("whole", Boolean(opened));
  if (!opened) {
    sayWhatIsMissing(session);
    return false;
  }
  held.textContent = "";
  await draw(opened);
  return true;
}

// The list offers the newest sessions; an older one joins it when it is opened.
export function offer(session) {
  const pick = control("session");
  if (!session || [...pick.options].some((option) => option.value === session)) return;
  pick.append(element("option", { value: session }, session));
}
