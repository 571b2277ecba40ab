// Score against followers. The brush sets the two ranges of the filters; a click opens the creator.

const SHAPES = { approve: "circle", review: "triangle-up", not_enough_data: "diamond", reject: "M-0.8,-0.8L0.8,0.8M-0.8,0.8L0.8,-0.8" };
let scatter = null;
let points_ = [];
let shown_ = [];
let brushing = false;
let placed = "";

// What a variable of the style sheet comes to now: a canvas cannot read it by itself.
function colour(name, scheme) {
  const probe = byId("tip");
  probe.style.color = `var(--${name})`;
  probe.style.colorScheme = scheme;
  const found = getComputedStyle(probe).color;
  probe.style.color = "";
  probe.style.colorScheme = "";
  return found;
}

function scatterSpec(scheme) {
  const [ink, line, accent] = ["muted", "line", "accent"].map((name) => colour(name, scheme));
  const span = spanOf(points_);
  const grades = { domain: GRADES, range: GRADES.map((grade) => colour(grade, scheme)) };
  return {
    params: [{ name: "brush", select: { type: "interval", encodings: ["x", "y"], clear: "dblclick", mark: { fill: accent, fillOpacity: 0.12, stroke: accent } } }],
    mark: { type: "point", size: 34, strokeWidth: 1.3, opacity: 0.75, cursor: "pointer" },
    encoding: {
      x: { field: "followers", type: "quantitative", scale: { type: "log", domain: span, nice: false }, axis: { title: "followers", labelExpr: numbers, values: ticksOf(span) } },
      y: { field: "value", type: "quantitative", scale: { domain: [0, 100] }, axis: { title: "score", tickCount: 5 } },
      color: { field: "grade", type: "nominal", scale: grades, legend: null },
      shape: { field: "grade", type: "nominal", scale: { domain: GRADES, range: GRADES.map((grade) => SHAPES[grade]) }, legend: null },
    },
    config: {
      ...CONFIG, autosize: { type: "fit", contains: "padding" }, axis: { ...CONFIG.axis, labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line },
    },
  };
}

function spanOf(list) {
  const counts = list.map((point) => point.followers);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return [least / 1.15, most * 1.15];
}

// Powers of ten; within one of them finer steps, and in the end the middle, so that an axis always says something.
function ticksOf([least, most]) {
  for (const steps of [[1], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
    const ticks = Array.from({ length: 12 }, (_, power) => steps.map((step) => step * 10 ** power)).flat();
    const inside = ticks.filter((tick) => tick >= least && tick <= most);
    if (inside.length > 1) return inside;
  }
  return [Math.round(Math.sqrt(least * most))];
}

const pointOf = (row) => ({ place: row.rank - 1, followers: row.followers, value: row.value, grade: row.grade });
const drawable = (row) => row.followers > 0 && known(row.value);

function drawScatter() {
  points_ = rows.filter(drawable).map(pointOf);
  shown_ = points_;
  const left = rows.length - points_.length;
  const legend = el("p", { class: "key" }, ...GRADES.map((grade) => el("span", {}, shape(grade), title(grade))));
  const told = `Score against followers of ${plural(points_.length, "creator")}, by grade. The table below has the same figures, and its filters for score and followers do what the brush does.`;
  const note = left ? el("p", { class: "muted note" }, `${plural(left, "creator")} not shown: there is no score, or no follower to place them by.`) : "";
  byId("scatter").append(
    el("figcaption", {}, el("h2", {}, "Score and followers"), legend),
    el("div", { class: "plot", id: "scatter-plot", role: "img", "aria-label": told }), note,
    el("p", { class: "muted note hint" }, "Drag over the chart to filter the table, double-click to see all again, click a creator to open it."),
  );
  if (!points_.length) {
    byId("scatter-plot").replaceWith(el("p", {}, unknown("no creator has both a score and followers")));
    byId("scatter").querySelector(".hint").remove();
    return;
  }
  paintScatter();
  watchers.push(showBrush, dim);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paintScatter());
  window.addEventListener("resize", debounced(() => paintScatter(), 200));
}

function debounced(work, wait) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), wait);
  };
}

// Drawn anew when the colours or the width change; `scheme` is for paper, which is light whatever the screen is.
function paintScatter(scheme = "") {
  const holder = byId("scatter-plot");
  if (!holder?.clientWidth) return;
  scatter?.finalize();
  const { config, ...spec } = scatterSpec(scheme);
  compiled.delete("scatter");
  const made = compile("scatter", spec, config);
  made.data.find((source) => source.name === "values").values = shown_;
  scatter = makeView(made, holder, "canvas").width(holder.clientWidth).height(holder.clientHeight);
  scatter.tooltip(() => {});
  scatter.addEventListener("mousemove", (event, item) => hoverPoint(event, item));
  scatter.addEventListener("mouseout", hideTip);
  scatter.addEventListener("click", (event, item) => known(item?.datum?.place) && openPanel(rows[item.datum.place]));
  scatter.run();
  scatter.addSignalListener("brush", debounced(brushed, 30));
  showBrush();
}

function hoverPoint(event, item) {
  if (!known(item?.datum?.place)) {
    hideTip();
    return;
  }
  const row = rows[item.datum.place];
  showTip(`${nameOf(row)}: ${title(row.grade)}, ${points(row.value)}, ${big(row.followers)} followers`,
    { left: event.clientX + 10, top: event.clientY - 10, bottom: event.clientY + 6 });
}

function brushed(name, found) {
  if (corners() === placed) return;
  placed = "";
  const ends = (values, digits) => (values ? [Math.min(...values), Math.max(...values)].map((value) => Number(value.toPrecision(digits))) : [null, null]);
  brushing = true;
  change({ value: ends(found.value, 4), followers: ends(found.followers, 4) });
  brushing = false;
}

const corners = () => String([scatter.signal("brush_x"), scatter.signal("brush_y")]);

// The brush follows the fields when somebody types into them; `placed` is where, as what it is near to is not what was typed.
function showBrush() {
  if (brushing || !scatter) return;
  const asked = [...view.value, ...view.followers].some(known);
  const place = (scale, [least, most], domain) => [least ?? domain[0], most ?? domain[1]].map((value) => scatter.scale(scale)(value || domain[0]));
  const size = [scatter.width(), scatter.height()];
  const clip = (ends, most) => ends.map((end) => Math.max(0, Math.min(most, end)));
  const wanted = asked ? [clip(place("x", view.followers, spanOf(points_)), size[0]), clip(place("y", view.value, [0, 100]), size[1])] : [[0, 0], [0, 0]];
  if (String(wanted) === corners()) return;
  if (!asked && !scatter.signal("brush_x")?.some(Boolean)) return;
  placed = String(wanted);
  scatter.signal("brush_x", wanted[0]).signal("brush_y", wanted[1]).run();
}

// Creators that the other filters leave out leave the chart too.
const dim = debounced((eligible) => {
  const there = eligible.filter(drawable).map(pointOf);
  const places = new Set(there.map((point) => point.place));
  if (there.length === shown_.length && shown_.every((point) => places.has(point.place))) return;
  shown_ = there;
  scatter?.change("values", vega.changeset().remove(() => true).insert(there)).run();
}, 120);
