// Numbers as people read them; the same rules as formats.py, and a test compares the two.
const NOTHING = "–";
const trim = (value, digits) =>
  value.toLocaleString("en-US", { minimumFractionDigits: 0, maximumFractionDigits: digits, useGrouping: true });
const scaled = (value, sizes) => sizes.find(([size]) => Math.abs(value) >= size);

const numbers = {
  count: (value) => trim(value, Number.isInteger(value) ? 0 : 1),
  tokens(value) {
    const found = scaled(value, [[1e9 * 0.9995, "B", 1e9], [1e6 * 0.9995, "M", 1e6], [1e3 * 0.9995, "K", 1e3]]);
    if (!found) return trim(value, 0);
    const shown = value / found[2];
    return `${trim(shown, Math.abs(shown) >= 99.95 ? 0 : 1)} ${found[1]}`;
  },
  usd(value) {
    const sign = value < 0 ? "-" : "";
    const size = Math.abs(value);
    if (size > 0 && size < 0.01) return size >= 0.001 ? `${sign}$${size.toFixed(3)}` : `${sign}<$0.001`;
    const digits = size >= 1000 ? 0 : 2;
    return sign + "$" + size.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  },
  percent(value) {
    if (value > 0 && value < 0.0005) return "<0.1 %";
    if (value >= 0.9995 && value < 1) return ">99.9 %";
    return `${trim(value * 100, 1)} %`;
  },
  duration(value) {
    const two = (number) => String(number).padStart(2, "0");
    if (value < 1000) return `${value.toFixed(0)} ms`;
    const seconds = value / 1000;
    if (seconds < 59.95) return `${trim(seconds, 1)} s`;
    const whole = Math.floor(seconds + 0.5);
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
    const minutes = Math.floor(seconds / 60 + 0.5);
    if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
    return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
  },
  days: (value) => (value === 1 ? "1 day" : `${numbers.count(value)} days`),
  bytes(value) {
    const found = scaled(value, [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]);
    return found ? `${trim(value / found[0], 1)} ${found[1]}` : `${value.toFixed(0)} B`;
  },
};

function show(value, format) {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (format === "time") return value.slice(0, 16);
  return numbers[format] ? numbers[format](Number(value)) : String(value);
}
