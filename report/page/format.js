// Numbers as people read them; the same rules as common/numbers.py, and a test compares the two.
export const NOTHING = "–";
export const UNKNOWN = { count: "not recorded", tokens: "not recorded", duration: "not recorded", days: "not recorded",
  bytes: "not recorded", usd: "unknown", amount: "unknown" };

const KIB = 1024, GIB = 3;
const BILLION = 1e9, MILLION = 1e6, THOUSAND = 1e3;
const NEARLY = 0.9995; // 999,600 is written "1 M", not "1000 K"
const WHOLE_FROM = 99.95; // from here on a scaled number has no digit after the point
const CENT = 0.01, TENTH_OF_A_CENT = 0.001, CENTS_DIGITS = 2, SMALL_DIGITS = 3;
const PERCENT = 100, LEAST_PERCENT = 0.0005, MOST_PERCENT = 0.9995;
const SECOND = 1000, NEARLY_A_MINUTE = 59.95, MINUTE = 60, HOUR = 60, DAY_HOURS = 24, HOURS_UNTIL = 48, HALF = 0.5;

const trim = (value, digits) => {
  const text = value.toLocaleString("en-US", { maximumFractionDigits: digits, useGrouping: true });
  return text === "-0" ? "0" : text;
};
const fixed = (value, digits) =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const scaled = (value, sizes) => sizes.find(([size]) => Math.abs(value) >= size);
const two = (number) => String(number).padStart(2, "0");

function compact(value) {
  const units = [[BILLION, "B"], [MILLION, "M"], [THOUSAND, "K"]];
  const found = units.find(([size]) => Math.abs(value) >= size * NEARLY);
  if (!found) return trim(value, 0);
  const shown = value / found[0];
  return `${trim(shown, Math.abs(shown) >= WHOLE_FROM ? 0 : 1)} ${found[1]}`;
}

function dollars(value) {
  const sign = value < 0 ? "-" : "";
  const size = Math.abs(value);
  if (size > 0 && size < CENT) {
    return size >= TENTH_OF_A_CENT ? `${sign}$${size.toFixed(SMALL_DIGITS)}` : `${sign}<$0.001`;
  }
  return `${sign}$${fixed(size, size >= THOUSAND ? 0 : CENTS_DIGITS)}`;
}

function percent(value) {
  if (value > 0 && value < LEAST_PERCENT) return "<0.1 %";
  if (value >= MOST_PERCENT && value < 1) return ">99.9 %";
  return `${trim(value * PERCENT, 1)} %`;
}

function duration(milliseconds) {
  if (milliseconds < SECOND) return `${milliseconds.toFixed(0)} ms`;
  const seconds = milliseconds / SECOND;
  if (seconds < NEARLY_A_MINUTE) return `${trim(seconds, 1)} s`;
  const whole = Math.floor(seconds + HALF);
  if (whole < HOUR * MINUTE) return `${Math.floor(whole / MINUTE)} min ${two(whole % MINUTE)} s`;
  const minutes = Math.floor(seconds / MINUTE + HALF);
  if (minutes < HOURS_UNTIL * HOUR) return `${Math.floor(minutes / HOUR)} h ${two(minutes % HOUR)} min`;
  const day = DAY_HOURS * HOUR;
  return `${Math.floor(minutes / day)} d ${Math.floor((minutes % day) / HOUR)} h`;
}

function bytes(value) {
  const found = scaled(value, [[KIB ** GIB, "GiB"], [KIB * KIB, "MiB"], [KIB, "KiB"]]);
  return found ? `${trim(value / found[0], 1)} ${found[1]}` : `${value.toFixed(0)} B`;
}

const count = (value) => trim(value, Number.isInteger(value) ? 0 : 1);
const numbers = {
  count, percent, duration, bytes, tokens: compact, usd: dollars,
  amount: (value) => fixed(value, CENTS_DIGITS),
  days: (value) => (value === 1 ? "1 day" : `${count(value)} days`),
};

const MINUTES_END = "2026-01-01 00:00".length;

export function show(value, format) {
  if (value === null || value === undefined) return UNKNOWN[format] ?? NOTHING;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (format === "time") return value.slice(0, MINUTES_END);
  return numbers[format] ? numbers[format](Number(value)) : String(value);
}
