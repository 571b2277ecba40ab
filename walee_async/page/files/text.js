// Elements, and numbers and names for people. Strangers' texts become text nodes and attributes; nothing here reads HTML.

const UNKNOWN = "not known";
const GRADES = ["approve", "review", "not_enough_data", "reject"];
const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const el = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const svg = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
const byId = (id) => document.getElementById(id);
const known = (value) => value !== null && value !== undefined;
const unknown = (why) => el("span", { class: "unknown" }, why ? `${UNKNOWN}: ${why}` : UNKNOWN);

// A count as people say it: 950, 12.4 K, 1.2 M.
function big(value) {
  if (!known(value)) return UNKNOWN;
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "K"]]) {
    if (Math.abs(value) >= size * 0.9995) {
      const scaled = value / size;
      const text = Math.abs(scaled) < 999.5 ? scaled.toPrecision(3) : Math.round(scaled).toLocaleString("en");
      return `${text.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")}\u00a0${unit}`;
    }
  }
  return Number.isInteger(value) || Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1);
}

// A fraction as a percentage: 1.4 %. Below one per cent it has two decimals, and a whole number none.
function percent(value, { signed = false } = {}) {
  if (!known(value)) return UNKNOWN;
  const hundred = 100 * value;
  const size = Math.abs(hundred);
  const text = (size < 0.005 ? 0 : size).toFixed(size < 0.995 ? 2 : size < 99.95 ? 1 : 0).replace(/\.0+$/, "");
  const sign = Number(text) === 0 ? "" : hundred < 0 ? "−" : signed ? "+" : "";
  return `${sign}${text}\u00a0%`;
}

const points = (value, digits = 1) => (known(value) ? value.toFixed(digits).replace("-", "−") : UNKNOWN);
const whole = (value) => value.toLocaleString("en");
const plural = (count, one, many = `${one}s`) => `${whole(count)} ${count === 1 ? one : many}`;
const plain = (name) => name.replaceAll("_", " ");
const title = (name) => plain(name).replace(/^./, (first) => first.toUpperCase());
const shown = (text) => (text === UNKNOWN ? unknown() : text);

const regions = new Intl.DisplayNames(["en"], { type: "region" });
const tongues = new Intl.DisplayNames(["en"], { type: "language" });

function country(code) {
  return /^[A-Za-z]{2}$/.test(code ?? "") ? regions.of(code.toUpperCase()) : code;
}

function language(code) {
  if (code === "other") return "Other languages";
  try {
    return tongues.of(code);
  } catch {
    return code; // no language tag
  }
}

function tierName(tier) {
  if (!tier) return UNKNOWN;
  const [least, most] = tier;
  return known(most) ? `${big(least ?? 0)} – ${big(most)}` : `${big(least)} and more`;
}

function ageName(code) {
  return code.endsWith("-") ? `${code.slice(0, -1)}+` : code.replace("-", "–");
}

const month = (text) => {
  const found = /^(\d{4})-(\d{2})$/.exec(text ?? "");
  if (!found) return text ?? UNKNOWN;
  return new Date(Date.UTC(+found[1], +found[2] - 1)).toLocaleString("en", { month: "short", year: "numeric", timeZone: "UTC" });
};

const day = (text) => {
  const at = new Date(text ?? "");
  return Number.isNaN(at.getTime()) ? text ?? UNKNOWN
    : at.toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
};

// A name in its own direction, so that no text turns round what stands beside it.
const own = (text, attributes = {}) => el("bdi", attributes, text);
const nameOf = (row) => row.name ?? (row.handle ? `@${row.handle}` : "Name not known");

function shape(grade, attributes = {}) {
  const use = svg("use", { href: `#shape-${grade}` });
  return svg("svg", { class: `shape ${grade}`, "aria-hidden": "true", viewBox: "0 0 16 16", ...attributes }, use);
}

const gradeChip = (grade) => el("span", { class: `grade ${grade}` }, shape(grade), title(grade));
