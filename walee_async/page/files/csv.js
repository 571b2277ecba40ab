// The rows that the filters leave, as CSV. A spreadsheet must take no text for a formula; numbers stay numbers.

const CSV_COLUMNS = [
  ["rank", (row) => row.rank], ["handle", (row) => row.handle], ["name", (row) => row.name], ["country", (row) => row.country],
  ["grade", (row) => row.grade], ["score", (row) => row.value], ["score_low", (row) => row.low], ["score_high", (row) => row.high],
  ["coverage", (row) => row.coverage], ["followers", (row) => row.followers], ["tier", (row) => (row.tier ? tierName(row.tier).replaceAll("\u00a0", " ") : null)],
  ["growth_monthly", (row) => row.growth], ["engagement_rate", (row) => row.rate], ["engagement_percentile", (row) => row.percentile],
  ["target_share", (row) => row.target], ["flags", (row) => row.flags.map(([name, reason]) => `${name}: ${reason}`).join("; ")],
];

function csvCell(value) {
  if (!known(value)) return "";
  if (typeof value === "number") return String(value);
  // Where spreadsheets split at semicolons, what follows one begins a cell too.
  const safe = value.replace(/(^|[;\t])(?=[\s"']*[=+\-@\t\r＝＋－＠])/g, "$1'");
  return /[",\r\n;\t]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csvText() {
  const lines = [CSV_COLUMNS.map(([name]) => name), ...selected.map((row) => CSV_COLUMNS.map(([, value]) => csvCell(value(row))))];
  return lines.map((line) => line.join(",")).join("\r\n") + "\r\n";
}

// The mark at the beginning tells spreadsheets that it is UTF-8.
function downloadCsv() {
  const address = URL.createObjectURL(new Blob(["\ufeff", csvText()], { type: "text/csv;charset=utf-8" }));
  el("a", { href: address, download: "shortlist.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

async function copyCsv() {
  const text = csvText();
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) {
      say("Nothing was copied: this browser does not allow it. Download the CSV instead.");
      return;
    }
  }
  say(`${plural(selected.length, "row")} copied as CSV`);
}

// Says it where screen readers listen, beside the number of rows.
function say(text) {
  byId("count").textContent = text;
}
