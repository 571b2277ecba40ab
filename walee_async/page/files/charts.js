// Charts by Vega-Lite, drawn one at a time so that the page stays quick. Colours are the style sheet's own variables, so
// that an SVG follows the colour scheme and the printer by itself. Texts of reports are data only, never expressions.

const FONT = "system-ui, sans-serif";
const compiled = new Map();
const queue = [];
let drawing = false;

const CONFIG = {
  background: null, font: FONT, aria: false, autosize: { type: "fit-x", contains: "padding" },
  view: { stroke: null },
  axis: {
    labelColor: "var(--muted)", titleColor: "var(--muted)", gridColor: "var(--line)", domainColor: "var(--line)", tickColor: "var(--line)",
    labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal", labelOverlap: true, gridOpacity: 0.7,
  },
};

const numbers = "replace(replace(replace(format(datum.value, '.3~s'), 'k', ' K'), 'M', ' M'), 'G', ' G')";
const finer = numbers.replace(".3~s", ".4~s");
const percents = "format(abs(datum.value) * 100, '.2~f') + ' %'";

const SIZE = { width: 340, height: 130 };
const SPECS = {
  line: {
    mark: { type: "line", point: { filled: true, size: 26, color: "var(--accent)" }, color: "var(--accent)", strokeWidth: 1.8 },
    encoding: {
      x: { field: "at", type: "ordinal", sort: null, axis: { title: null, labelAngle: 0, grid: false } },
      y: { field: "count", type: "quantitative", scale: { zero: false, nice: true }, axis: { title: null, tickCount: 4, labelExpr: finer, domain: false, ticks: false } },
    },
  },
  pyramid: {
    layer: [
      {
        mark: { type: "bar", cornerRadiusEnd: 2 },
        encoding: {
          color: { field: "gender", type: "nominal", legend: null, scale: { domain: ["female", "male"], range: ["var(--female)", "var(--male)"] } },
        },
      },
      { mark: { type: "rule", color: "var(--muted)" }, encoding: { x: { datum: 0 }, y: null } },
    ],
    encoding: {
      y: { field: "age", type: "ordinal", sort: null, axis: { title: null, domain: false, ticks: false } },
      x: { field: "share", type: "quantitative", stack: null, axis: { title: null, tickCount: 5, labelExpr: percents, domain: false, ticks: false } },
    },
  },
  histogram: {
    mark: { type: "bar", cornerRadiusEnd: 2 },
    encoding: {
      x: { field: "place", type: "ordinal", axis: { title: "likes per follower, from", labelExpr: "", labelAngle: 0, labelPadding: 6, ticks: false, domain: true } },
      y: { field: "total", type: "quantitative", axis: { title: "creators", tickCount: 4, labelExpr: numbers, domain: false, ticks: false } },
      color: { field: "what", type: "nominal", legend: null, scale: { domain: ["here", "median", "other"], range: ["var(--accent)", "var(--muted)", "var(--bar)"] } },
    },
  },
  posts: {
    layer: [["views", 0.78], ["likes", 0.4]].map(([what, band]) => ({ transform: [{ filter: `datum.what === '${what}'` }], mark: { type: "bar", cornerRadiusEnd: 2, width: { band } } })),
    encoding: {
      x: { field: "place", type: "ordinal", sort: null, axis: { title: null, labelAngle: 0, labelPadding: 6, ticks: false, labelExpr: "" } },
      y: { field: "count", type: "quantitative", stack: null, axis: { title: null, tickCount: 4, labelExpr: numbers, domain: false, ticks: false } },
      color: { field: "what", type: "nominal", legend: null, scale: { domain: ["views", "likes"], range: ["var(--bar)", "var(--accent)"] } },
    },
  },
};

// Nothing is loaded, whatever a chart may ask for.
const refuse = () => Promise.reject(new Error("charts load nothing"));
const LOADER = { load: refuse, sanitize: refuse, http: refuse, file: refuse };

function compile(kind, spec, config = CONFIG) {
  if (!compiled.has(kind)) compiled.set(kind, vegaLite.compile({ ...SIZE, data: { name: "values" }, ...spec }, { config, logger: vega.logger(vega.Error) }).spec);
  return structuredClone(compiled.get(kind));
}

// Vega names what it draws in "Vega visualization", so that is an element of its own, and what its holder says stays.
function makeView(spec, holder, renderer) {
  const container = el("div", { "aria-hidden": "true" });
  holder.replaceChildren(container);
  return new vega.View(vega.parse(spec, null, { ast: true }), {
    container, renderer, expr: vega.expressionInterpreter, loader: LOADER, logger: vega.logger(vega.Error), hover: false,
  });
}

// Labels of ordinal places are data, so they are looked up by our own code and not by an expression.
function labelled(spec, labels) {
  for (const axis of spec.axes ?? []) {
    if (axis.scale !== "x" || !axis.labels && axis.labels !== undefined || axis.grid) continue;
    axis.encode = { ...axis.encode, labels: { ...axis.encode?.labels, update: { ...axis.encode?.labels?.update, text: { signal: "labels[datum.value]" } } } };
  }
  spec.signals = [...(spec.signals ?? []), { name: "labels", value: labels }];
  return spec;
}

function paint({ kind, values, height, labels, holder, width }) {
  if (!holder.isConnected) return;
  let spec = compile(kind, SPECS[kind]);
  spec.data.find((source) => source.name === "values").values = values;
  if (labels) spec = labelled(spec, labels);
  const chart = makeView(spec, holder, "svg").width(width ?? (holder.clientWidth || 340)).height(height).run();
  const picture = holder.querySelector("svg");
  picture.setAttribute("focusable", "false");
  picture.style.width = "100%";
  picture.style.height = "auto";
  chart.finalize();
}

function drain() {
  const next = queue.shift();
  if (!next) {
    drawing = false;
    return;
  }
  try {
    paint(next);
    next.done();
  } catch (error) {
    next.holder.textContent = "This chart cannot be drawn; its figures are below.";
    next.done();
    console.error(error);
  }
  setTimeout(drain);
}

function whenDrawn(job) {
  return new Promise((done) => {
    queue.push({ ...job, done });
    if (drawing) return;
    drawing = true;
    setTimeout(drain);
  });
}

// A chart with its title, a sentence for those who do not see it, and its figures as a table.
function chart({ heading, told, table, ...job }) {
  const holder = el("div", { class: "plot", role: "img", "aria-label": told });
  holder.style.minHeight = `${job.height}px`;
  const [head, ...body] = table;
  const figures = el("details", {}, el("summary", {}, "Figures", el("span", { class: "unseen" }, ` of ${heading.toLowerCase()}`)),
    el("div", { class: "scrolled" }, el("table", { class: "figures" }, el("thead", {}, el("tr", {}, ...head.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...body.map((line) => el("tr", {}, ...line.map((cell, place) => (place ? el("td", {}, shown(cell)) : el("th", { scope: "row" }, own(cell))))))))));
  const box = el("figure", { class: "card chart" }, el("figcaption", {}, el("h3", {}, heading), job.key ?? ""), holder, figures);
  box.drawn = whenDrawn({ ...job, holder });
  return box;
}

const missing = (heading, why) => el("section", { class: "card chart" }, el("h3", {}, heading), el("p", {}, unknown(why)));

const colourKey = (...parts) => el("p", { class: "key" }, ...parts.map(([name, text]) => el("span", {}, el("i", { class: `swatch ${name}` }), text)));
