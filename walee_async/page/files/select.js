// Which creators are shown, and in which order. Everything that changes it goes through `change`.

const EVERYTHING = { search: "", grades: [], country: "", tier: "", flag: "", value: [null, null], followers: [null, null] };
const PAGE = 50;

const view = { ...EVERYTHING, sort: "rank", down: false, page: 0 };
const picked = new Set();
const watchers = [];
let selected = [];

const collator = new Intl.Collator("en", { sensitivity: "base", numeric: true });
const SORTS = {
  rank: (row) => row.rank,
  name: (row) => row.name ?? row.handle,
  grade: (row) => GRADES.indexOf(row.grade),
  value: (row) => row.value,
  coverage: (row) => row.coverage,
  followers: (row) => row.followers,
  growth: (row) => row.growth,
  percentile: (row) => row.percentile,
  target: (row) => row.target,
  flags: (row) => row.flags.length,
};

const within = ([least, most], value) =>
  (!known(least) && !known(most)) || (known(value) && value >= (least ?? -Infinity) && value <= (most ?? Infinity));

function matches(row, words) {
  return words.every((word) => row.found.includes(word))
    && (!view.grades.length || view.grades.includes(row.grade))
    && (!view.country || (row.country ?? "?") === view.country)
    && (!view.tier || (row.tierKey || "?") === view.tier)
    && (!view.flag || (view.flag === "none" ? !row.flags.length : row.flags.some(([name]) => name === view.flag)));
}

const inRange = (row) => within(view.value, row.value) && within(view.followers, row.followers);
const wordsOf = () => fold(view.search).split(/\s+/).filter(Boolean).map((word) => word.replace(/^@/, ""));

function ordered(list) {
  const key = SORTS[view.sort];
  const turn = view.down ? -1 : 1;
  return list.sort((a, b) => {
    const [left, right] = [key(a), key(b)];
    if (!known(left) || !known(right)) return known(left) ? -1 : known(right) ? 1 : a.rank - b.rank;
    const order = typeof left === "string" ? collator.compare(left, right) : left - right;
    return turn * order || a.rank - b.rank;
  });
}

function change(changes) {
  Object.assign(view, { page: 0 }, changes);
  const words = wordsOf();
  const eligible = rows.filter((row) => matches(row, words));
  selected = ordered(eligible.filter(inRange));
  for (const watcher of watchers) watcher(eligible);
}

const onPage = () => selected.slice(view.page * PAGE, (view.page + 1) * PAGE);
const isFiltered = () => Object.keys(EVERYTHING).some((name) => String(view[name]) !== String(EVERYTHING[name]));
