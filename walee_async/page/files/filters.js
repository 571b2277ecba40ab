// The filters. Every one is an ordinary control, so the brush of the scatter is a shortcut for the two ranges here.

const counted = (values) => {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
};

function chooser(name, label, options) {
  const list = el("select", { id: `filter-${name}`, change: () => change({ [name]: list.value }) },
    el("option", { value: "" }, "all"), ...options.map(([value, text, count]) => el("option", { value }, known(count) ? `${text} (${whole(count)})` : text)));
  return el("label", {}, label, list);
}

function countryOptions() {
  const counts = counted(rows.map((row) => row.country ?? "?"));
  return [...counts].map(([code, count]) => [code, code === "?" ? UNKNOWN : country(code), count]).sort((a, b) => b[2] - a[2] || collator.compare(a[1], b[1]));
}

function tierOptions() {
  const counts = counted(rows.map((row) => row.tierKey || "?"));
  const tiers = new Map(rows.map((row) => [row.tierKey || "?", row.tier]));
  return [...counts].sort((a, b) => (tiers.get(a[0])?.[0] ?? -1) - (tiers.get(b[0])?.[0] ?? -1))
    .map(([key, count]) => [key, key === "?" ? UNKNOWN : tierName(tiers.get(key)), count]);
}

function flagOptions() {
  const counts = counted(rows.flatMap((row) => row.flags.map(([name]) => name)));
  const none = rows.filter((row) => !row.flags.length).length;
  return [["none", "no flag", none], ...[...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => [name, plain(name), count])];
}

// 1.2m, 1,2m, 50k, 1 000 and 1,000 are numbers too.
function readNumber(text) {
  const found = /^([\d.,\s]+)([kmg]?)$/i.exec(text.trim());
  if (!found) return null;
  const grouped = /^\d{1,3}([,\s]\d{3})+(\.\d*)?$/.test(found[1].trim());
  const value = Number(grouped ? found[1].replace(/[,\s]/g, "") : found[1].replace(/\s/g, "").replace(",", "."));
  return Number.isFinite(value) ? value * { "": 1, k: 1e3, m: 1e6, g: 1e9 }[found[2].toLowerCase()] : null;
}

function range(name, label, format) {
  const ends = ["from", "to"].map((end, place) => {
    const field = el("input", { type: "text", inputmode: "decimal", size: 6, autocomplete: "off", id: `filter-${name}-${end}`, "aria-label": `${label} ${end}`, placeholder: end });
    field.addEventListener("change", () => {
      const bounds = [...view[name]];
      bounds[place] = readNumber(field.value);
      field.setAttribute("aria-invalid", String(bounds[place] === null && field.value.trim() !== ""));
      change({ [name]: bounds });
    });
    watchers.push(() => {
      if (document.activeElement === field && field.value) return;
      field.value = known(view[name][place]) ? format(view[name][place]) : "";
      field.setAttribute("aria-invalid", "false");
    });
    return field;
  });
  return el("fieldset", {}, el("legend", {}, label), ends[0], "–", ends[1]);
}

function gradeBoxes() {
  const boxes = GRADES.map((grade) => {
    const box = el("input", { type: "checkbox", value: grade, change: () => change({ grades: boxes.filter((one) => one.checked).map((one) => one.value) }) });
    return box;
  });
  watchers.push(() => boxes.forEach((box) => { box.checked = view.grades.includes(box.value); }));
  return el("fieldset", { class: "gradeboxes" }, el("legend", {}, "Grade"), ...boxes.map((box) => el("label", { class: "toggle" }, box, gradeChip(box.value))));
}

// The letter is shown first, and who types quickly does not wait for each of them.
function afterPaint(work) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => setTimeout(() => {
      due = false;
      work();
    }));
  };
}

function drawFilters() {
  const search = el("input", { type: "search", id: "filter-search", autocomplete: "off", spellcheck: "false", placeholder: "name or handle" });
  search.addEventListener("input", afterPaint(() => change({ search: search.value })));
  const choosers = [
    chooser("country", "Country", countryOptions()),
    chooser("tier", "Tier", tierOptions()),
    chooser("flag", "Flag", flagOptions()),
  ];
  const sorts = el("select", { change: () => change({ sort: sorts.value, down: !["rank", "name", "grade"].includes(sorts.value) }) },
    el("option", { value: "rank" }, "Rank"), ...COLUMNS.map((column) => el("option", { value: column.key }, column.label)));
  const turn = el("button", { type: "button", class: "narrow", click: () => change({ down: !view.down }) });
  watchers.push(() => {
    sorts.value = view.sort;
    turn.textContent = view.down ? "▼ Descending" : "▲ Ascending";
  });
  const clear = el("button", { type: "button", class: "quiet", click: clearFilters }, "Clear filters");
  watchers.push(() => { clear.disabled = !isFiltered(); });
  byId("filters").append(
    el("label", { class: "search" }, "Search", search), gradeBoxes(), ...choosers,
    range("value", "Score", (value) => points(value, Number.isInteger(value) ? 0 : 1)), range("followers", "Followers", big),
    el("label", { class: "narrow" }, "Sort by", sorts), turn, clear,
  );
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
}

function clearFilters() {
  byId("filter-search").value = "";
  for (const name of ["country", "tier", "flag"]) byId(`filter-${name}`).value = "";
  change({ ...EVERYTHING });
  byId("filter-search").focus();
}
