// From the data to a page that can be used: the table first, the scatter when the chart library is there.

function drawHead() {
  const parts = [
    facts.about.alone ? null : plural(rows.length, "creator"),
    facts.about.made ? `made on ${day(facts.about.made)}` : null,
    `brief ${facts.brief_id}`,
  ];
  byId("title").textContent = facts.title;
  byId("subtitle").textContent = parts.filter(known).join(" · ");
}

function drawActions() {
  const button = (id, label, click) => el("button", { type: "button", id, click }, label);
  byId("actions").append(
    button("compare-open", "Compare", openComparison), button("compare-none", "Untick all", unpickAll),
    button("csv-copy", "Copy as CSV", copyCsv), button("csv-download", "Download CSV", downloadCsv), button("print", "Print", printSheets));
  watchers.push(showPicks);
}

function watchTheme() {
  const theme = byId("theme");
  theme.addEventListener("change", () => {
    document.documentElement.dataset.theme = theme.value;
    paintScatter();
  });
}

function watchLicences() {
  const box = byId("licences");
  box.addEventListener("toggle", async () => {
    box.querySelector("pre").textContent ||= await unpack("data-licences");
  });
}

async function drawAlone() {
  for (const id of ["overview", "results"]) byId(id).remove();
  document.querySelector(".skip").remove();
  const body = sheetParts(rows[0], await sheetOf(rows[0]));
  byId("alone").append(body);
  byId("alone").hidden = false;
  await body.drawn;
}

function drawShortlist() {
  drawFigures();
  drawBrief();
  drawTable();
  drawFilters();
  drawActions();
  change({});
}

async function start() {
  watchTips();
  watchTheme();
  watchLicences();
  await load();
  drawHead();
  if (facts.about.alone && rows.length) return;
  drawShortlist();
  watchDialogs();
  watchPrinting();
  performance.mark("usable");
}

const started = start();

// The chart library stands after this script, so that the table need not wait for it.
document.addEventListener("DOMContentLoaded", async () => {
  try {
    await started;
    if (facts.about.alone && rows.length) await drawAlone();
    else drawScatter();
    performance.mark("complete");
    document.documentElement.dataset.ready = "yes";
  } catch (error) {
    byId("trouble").textContent = `This page cannot be shown: ${error.message}. It needs a browser of 2024 or newer.`;
    byId("trouble").hidden = false;
    throw error;
  }
});
