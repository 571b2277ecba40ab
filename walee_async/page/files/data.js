// What the page knows. It stands in the file deflated, in base64, and sheets are unpacked when they are needed.

let facts = null;
let rows = [];
const chunks = new Map();

async function unpack(id) {
  const bytes = Uint8Array.from(atob(byId(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

async function sheetOf(row) {
  const chunk = Math.floor(row.place / facts.chunk);
  if (!chunks.has(chunk)) chunks.set(chunk, unpack(`data-sheets-${chunk}`));
  return (await chunks.get(chunk))[row.place % facts.chunk];
}

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

async function load() {
  [facts, rows] = await Promise.all([unpack("data-facts"), unpack("data-rows")]);
  rows.forEach((row, place) => { row.place = place; });
  rows = facts.order.map((place) => rows[place]);
  rows.forEach((row, place) => {
    row.rank = place + 1;
    row.flags ??= [];
    row.trend ??= [];
    row.found = fold([row.handle, row.name, row.country, country(row.country)].filter(known).join(" "));
    row.tierKey = row.tier ? row.tier.map((bound) => bound ?? "").join("-") : "";
  });
}
