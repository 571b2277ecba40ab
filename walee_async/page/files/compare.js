// Up to four creators side by side.

const COMPARED = 4;

function pick(row, wanted) {
  if (wanted && picked.size < COMPARED) picked.add(row);
  if (!wanted) picked.delete(row);
  showPicks();
}

function showPicks() {
  const full = picked.size >= COMPARED;
  for (const box of document.querySelectorAll("#rows .pick input")) {
    box.disabled = full && !box.checked;
    box.closest("tr").classList.toggle("picked", box.checked);
  }
  byId("compare-open").textContent = picked.size ? `Compare (${picked.size} of ${COMPARED})` : "Compare";
  byId("compare-open").disabled = picked.size < 2;
  byId("compare-none").hidden = !picked.size;
  byId("print").textContent = `Print ${plural(printed().length, "creator")}`;
}

function unpickAll() {
  picked.clear();
  for (const box of document.querySelectorAll("#rows .pick input")) box.checked = false;
  showPicks();
}

function listOf(pairs, name) {
  if (!pairs?.length) return unknown();
  return el("ol", { class: "plainlist" }, ...pairs.slice(0, 4).map(([code, share]) => el("li", {}, own(name(code)), ` ${percent(share)}`)));
}

const COMPARISON = [
  ["Grade", (row) => gradeChip(row.grade)],
  ["Score", (row) => (known(row.value) ? [el("strong", {}, points(row.value)), meter(row.value, row.low, row.high)] : unknown())],
  ["Coverage", (row) => percent(row.coverage)],
  ["Followers", (row) => shown(big(row.followers))],
  ["Tier", (row) => shown(tierName(row.tier))],
  ["Country", (row) => (row.country ? own(country(row.country)) : unknown())],
  ["Growth a month", (row) => [sparkline(row.trend), " ", shown(percent(row.growth, { signed: true }))]],
  ["Likes per follower", (row) => shown(percent(row.rate))],
  ["Engagement percentile", (row) => (known(row.percentile) ? `${points(row.percentile, 0)} of 100` : unknown())],
  ["Audience on target", (row) => shown(percent(row.target))],
  ["Views a post", (row, sheet) => shown(big(sheet.numbers[0][1]))],
  ["Likes a post", (row, sheet) => shown(big(sheet.numbers[1][1]))],
  ["Audience countries", (row, sheet) => listOf(sheet.countries, country)],
  ["Audience languages", (row, sheet) => listOf(sheet.languages, language)],
  ["Women in the audience", (row, sheet) => shown(percent(genderShare(sheet, 2)))],
  ["Flags", (row) => (row.flags.length ? row.flags.map(flagChip) : "none")],
];

function genderShare(sheet, place) {
  const found = (sheet.pyramid ?? []).map((line) => line[place]).filter(known);
  return found.length ? found.reduce((total, share) => total + share, 0) : null;
}

function componentLines(sheets) {
  return sheets[0].components.map(([name], place) => [title(name), (row, sheet) => {
    const [, value, why] = sheet.components[place];
    return known(value) ? [el("span", { class: "value" }, points(value, 0)), meter(value)] : unknown(why);
  }]);
}

async function openComparison() {
  const chosen = [...picked].sort((a, b) => a.rank - b.rank);
  const sheets = await Promise.all(chosen.map(sheetOf));
  const line = ([name, cell]) => el("tr", {}, el("th", { scope: "row" }, name), ...chosen.map((row, place) => el("td", {}, ...[cell(row, sheets[place])].flat().filter(known))));
  const open = (row) => el("button", { type: "button", class: "open", click: () => { byId("compare").close(); openPanel(row); } }, own(nameOf(row)));
  const section = (name) => el("tr", { class: "section" }, el("th", { scope: "rowgroup", colspan: chosen.length + 1 }, name));
  byId("compare").replaceChildren(
    el("div", { class: "bar panelbar" }, el("h2", { id: "compare-title", tabindex: "-1" }, `${chosen.length} creators compared`),
      el("div", { class: "actions" }, el("button", { type: "button", click: () => window.print() }, "Print"), el("button", { type: "button", class: "close", click: () => byId("compare").close() }, "Close"))),
    el("div", { class: "scrolled", tabindex: "0", role: "region", "aria-labelledby": "compare-title" }, el("table", { class: `comparison of-${chosen.length}` },
      el("thead", {}, el("tr", {}, el("td", {}), ...chosen.map((row) => el("th", { scope: "col" }, open(row), el("span", { class: "muted where" }, row.handle ? own(`@${row.handle}`) : ""))))),
      el("tbody", {}, ...COMPARISON.map(line)), el("tbody", {}, section("Points of 100"), ...componentLines(sheets).map(line)))),
  );
  byId("compare").showModal();
  byId("compare-title").focus();
}
