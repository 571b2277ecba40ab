// The table: one page of rows at a time. Its roles are spelled out, because on narrow screens rows become cards.

const COLUMNS = [
  { key: "name", label: "Creator", cell: creatorCell, sort: true, first: "up" },
  { key: "grade", label: "Grade", cell: (row) => gradeChip(row.grade), sort: true, first: "up" },
  { key: "value", label: "Score", cell: scoreCell, sort: true, number: true },
  { key: "coverage", label: "Coverage", cell: (row) => percent(row.coverage), sort: true, number: true, help: "The share of the weight that had data" },
  { key: "followers", label: "Followers", cell: (row) => shown(big(row.followers)), sort: true, number: true },
  { key: "growth", label: "Growth", cell: growthCell, sort: true, number: true, help: "Followers by month, and their growth a month" },
  { key: "percentile", label: "Engagement", cell: engagementCell, sort: true, number: true, help: "Percentile of likes per follower among creators of the tier" },
  { key: "target", label: "On target", cell: (row) => shown(percent(row.target)), sort: true, number: true, help: "The share of the audience that the brief is after" },
  { key: "flags", label: "Flags", cell: flagsCell, sort: true },
];

function creatorCell(row) {
  const open = el("button", { type: "button", class: "open", click: () => openPanel(row), "data-rank": row.rank }, own(nameOf(row)));
  const where = [row.handle ? own(`@${row.handle}`, { class: "handle" }) : null, row.country ? country(row.country) : null].filter(known);
  return [open, el("span", { class: "muted where" }, ...where.flatMap((part, place) => (place ? [" · ", own(part)] : [part])))];
}

function meter(value, low, high) {
  const bar = svg("svg", { class: "meter", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "track", width: 100, height: 8 }), svg("rect", { class: "level", width: Math.max(0, Math.min(100, value)), height: 8 }));
  if (known(low) && known(high)) bar.append(svg("rect", { class: "range", x: low, y: 3, width: Math.max(0.5, high - low), height: 2 }));
  return bar;
}

function scoreCell(row) {
  if (!known(row.value)) return unknown();
  const range = known(row.low) ? `From ${points(row.low)} to ${points(row.high)}, by what the audience's data leaves open` : null;
  return [el("span", { class: "value", "data-tip": range }, points(row.value)), meter(row.value, row.low, row.high)];
}

function sparkline(values) {
  const there = values.filter(known);
  if (there.length < 2) return null;
  const [least, most] = [Math.min(...there), Math.max(...there)];
  const x = (place) => 2 + (68 * place) / (values.length - 1);
  const y = (value) => (most === least ? 10 : 17 - (14 * (value - least)) / (most - least));
  let path = "";
  values.forEach((value, place) => {
    if (known(value)) path += `${path && known(values[place - 1]) ? "L" : "M"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  const last = values.findLastIndex(known);
  const told = `Followers by month: from ${big(there[0])} to ${big(there.at(-1))}`;
  return svg("svg", { class: "spark", viewBox: "0 0 72 20", role: "img", "aria-label": told },
    svg("path", { d: path }), svg("circle", { cx: x(last), cy: y(values[last]), r: 2 }));
}

function growthCell(row) {
  return [sparkline(row.trend), el("span", { class: "value" }, shown(percent(row.growth, { signed: true })))];
}

function engagementCell(row) {
  if (!known(row.percentile) && !known(row.rate)) return unknown();
  return [
    known(row.percentile) ? el("span", { class: "value" }, points(row.percentile, 0), el("span", { class: "muted of" }, "/100")) : unknown(),
    el("span", { class: "muted rate" }, known(row.rate) ? percent(row.rate) : ""),
  ];
}

function flagChip([name, reason]) {
  return el("button", { type: "button", class: "flag", "data-tip": `${title(name)}: ${reason}` }, plain(name), el("span", { class: "unseen" }, `: ${reason}`));
}

function flagsCell(row) {
  return row.flags.length ? row.flags.map(flagChip) : el("span", { class: "muted" }, "none");
}

function pickCell(row) {
  const box = el("input", { type: "checkbox", "aria-label": `Compare ${nameOf(row)}`, change: () => pick(row, box.checked) });
  box.checked = picked.has(row);
  box.disabled = !box.checked && picked.size >= COMPARED;
  return el("td", { role: "cell", class: "pick" }, el("label", { class: "picker" }, box, el("span", { class: "rank muted" }, whole(row.rank))));
}

function tableRow(row) {
  return el("tr", { role: "row", class: picked.has(row) ? "picked" : null }, pickCell(row), ...COLUMNS.map((column) =>
    el("td", { role: "cell", class: `of-${column.key}${column.number ? " number" : ""}`, "data-label": column.label }, ...[column.cell(row)].flat())));
}

function heading(column) {
  const button = el("button", { type: "button", "data-tip": column.help, click: () => sortBy(column) }, column.label, el("span", { class: "arrow", "aria-hidden": "true" }));
  return el("th", { scope: "col", role: "columnheader", id: `head-${column.key}`, class: column.number ? "number" : null }, button);
}

// The first click on a number shows the highest, on a text the first of the alphabet.
function sortBy(column) {
  const first = column.first !== "up";
  change({ sort: column.key, down: view.sort === column.key ? !view.down : first });
}

function drawTable() {
  const all = el("button", { type: "button", "data-tip": "The best first: by grade, score and coverage", click: () => change({ sort: "rank", down: false }) },
    "Rank", el("span", { class: "arrow", "aria-hidden": "true" }));
  byId("tablebox").append(el("table", { role: "table", "aria-labelledby": "creators", "aria-describedby": "count" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, el("th", { scope: "col", role: "columnheader", id: "head-rank" }, all), ...COLUMNS.map(heading))),
    el("tbody", { role: "rowgroup", id: "rows" })));
  watchers.push(showRows);
}

function showRows() {
  for (const key of ["rank", ...COLUMNS.map((column) => column.key)]) {
    const head = byId(`head-${key}`);
    if (view.sort === key) head.setAttribute("aria-sort", view.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  const there = onPage();
  const none = el("tr", { role: "row" }, el("td", { role: "cell", class: "none", colspan: COLUMNS.length + 1 }, "No creator matches."));
  byId("rows").replaceChildren(...(there.length ? there.map(tableRow) : [none]));
  byId("count").textContent = selected.length === rows.length ? `All ${plural(rows.length, "creator")}` : `${whole(selected.length)} of ${plural(rows.length, "creator")}`;
  showPager();
}

function showPager() {
  const pages = Math.max(1, Math.ceil(selected.length / PAGE));
  const turn = (to) => {
    change({ page: to });
    byId("results").focus({ preventScroll: true });
    byId("results").scrollIntoView({ block: "start" });
  };
  const step = (label, to) => el("button", { type: "button", disabled: to < 0 || to >= pages || to === view.page, click: () => turn(to) }, label);
  const first = view.page * PAGE;
  byId("pager").hidden = pages < 2;
  byId("pager").replaceChildren(
    step("First", 0), step("Previous", view.page - 1),
    el("span", {}, `${whole(first + 1)} – ${whole(Math.min(first + PAGE, selected.length))} of ${whole(selected.length)}`),
    step("Next", view.page + 1), step("Last", pages - 1),
  );
}
