// On paper: the overview with the rows on the screen, then a page for each creator that was asked for.

const PRINTED = 100;

// Those that are ticked; without any, those that the filters leave, up to a stack of paper.
const printed = () => (picked.size ? [...picked].sort((a, b) => a.rank - b.rank) : selected.slice(0, PRINTED));

async function printSheets() {
  const list = printed();
  byId("print").disabled = true;
  say(`Preparing ${plural(list.length, "creator")} for the printer …`);
  const holder = byId("sheets");
  holder.hidden = false;
  holder.className = "preparing";
  try {
    for (const row of list) {
      const body = sheetParts(row, await sheetOf(row));
      holder.append(el("article", { class: "sheet" }, body));
      await body.drawn;
    }
  } finally {
    holder.className = "ready";
    showRows();
    byId("print").disabled = false;
  }
  window.print();
}

function putAway() {
  const holder = byId("sheets");
  if (holder.className === "preparing") return;
  holder.hidden = true;
  holder.className = "";
  holder.replaceChildren();
  showRows();
}

// A dialog is on top of the page and would print as much of itself as the window shows; on paper it is all there is.
function watchPrinting() {
  window.addEventListener("beforeprint", () => {
    document.documentElement.classList.toggle("only-dialog", Boolean(document.querySelector("dialog[open]")));
    paintScatter("light");
  });
  window.addEventListener("afterprint", () => {
    putAway();
    paintScatter();
  });
}
