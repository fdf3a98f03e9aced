// --- The table: which rows are shown in which order, and what is said of each; in the scope of many.js ---------

const LABELS = ["PNEUMONIA", "NORMAL", "UNSURE"];
// The verdict at the threshold that holds now; why there is none for the others. Who reads first has not seen it yet.
const verdictOf = (row) => {
  if (row.status !== "ok") return row.status;
  return cxr.readFirst && !row.own ? "unread" : cxr.verdict(row);
};
const sayVerdict = (verdict) =>
  (verdict === verdict.toUpperCase() ? say(`verdict_${verdict}`) : say(`status_${verdict}`));
// Outside the model's range the number means little: it is there for who opens the radiograph.
const hasNumber = (row) => row.status === "ok" && !["OUTSIDE", "unread"].includes(verdictOf(row));
const worthOf = (row) => (row.status === "ok" && verdictOf(row) !== "unread" ? row.worth : null);
const remarks = (row) => cxr.sentences(row.messages, say);
const DECIDED = ["PNEUMONIA", "NORMAL"];
const differs = ({ own }, verdict) => DECIDED.includes(own) && DECIDED.includes(verdict) && own !== verdict;

// --- Filters and order -------------------------------------------------------------------------------------

const VERDICTS = ["PNEUMONIA", "UNCERTAIN", "NORMAL", "OUTSIDE", "unread", "refused", "error", "waiting"];
const WORTHS = ["supported", "weak", "not_supported", "none"];
const FILTERS = {
  search: (row, text) => `${row.name} ${remarks(row)}`.toLowerCase().includes(text.toLowerCase()),
  verdict: (row, verdict) => verdictOf(row) === verdict,
  worth: (row, worth) => worthOf(row) === worth,
  own: (row, own) => (own === "differs" ? differs(row, verdictOf(row)) : row.own === (own === "none" ? "" : own)),
  remarks: (row, some) => (some === "some") === row.messages.length > 0,
};
const NO_FILTERS = { search: "", verdict: "", worth: "", own: "", remarks: "" };
const place = (list, value) => (list.includes(value) ? list.indexOf(value) : list.length);
// What comes first has the smallest number; equal rows stay in the order in which they were added.
const ORDERS = {
  probability: (a, b) => b.probability - a.probability, // of those that have one
  added: () => 0,
  name: (a, b) => a.name.localeCompare(b.name, cxr.language, { numeric: true }),
  verdict: (a, b) => place(VERDICTS, verdictOf(a)) - place(VERDICTS, verdictOf(b)),
  worth: (a, b) => place(WORTHS, worthOf(a)) - place(WORTHS, worthOf(b)),
  own: (a, b) => place(LABELS, a.own) - place(LABELS, b.own),
  // Those without any come last.
  remarks: (a, b) => !a.messages.length - !b.messages.length
    || remarks(a).localeCompare(remarks(b), cxr.language, { numeric: true }),
};
const table = {
  filters: { ...NO_FILTERS },
  by: "probability",
  reverse: false,
  ...cxr.recall("list", "sessionStorage"), // filters and order outlast a reload
  lines: new Map(), // each row's element and what it says, by the row's key
  order: null, // keys of the rows as they were when the first of some labels was given; see seenRows
};

const shownRows = () => {
  const filters = Object.entries(table.filters).filter(([, value]) => value !== "");
  const shown = rows().filter((row) => filters.every(([name, value]) => FILTERS[name](row, value)));
  // Rows without a number stay at the end, whichever way the others go.
  const isSorted = (row) => table.by !== "probability" || hasNumber(row);
  const sorted = shown.filter(isSorted).sort(ORDERS[table.by]);
  const last = shown.filter((row) => !isSorted(row));
  return [...(table.reverse ? sorted.reverse() : sorted), ...last];
};

// While labels are given, no line goes elsewhere or away because of its new label: the keys would meet another one.
const seenRows = () => {
  if (!table.order) return shownRows();
  const before = new Set(table.order);
  const stay = table.order.map((key) => cxrList.rows.get(key)).filter(Boolean);
  return [...stay, ...shownRows().filter(({ key }) => !before.has(key))];
};
const isLabel = (target) => Boolean(target?.matches("[data-of=label]"));
let pressing = false; // between the two, a click would meet another line
const sortAgain = () => {
  if (!table.order || pressing || isLabel(document.activeElement)) return;
  table.order = null;
  show();
};
element.addEventListener("focusout", ({ target }) => { if (isLabel(target)) setTimeout(sortAgain); });
element.addEventListener("pointerdown", () => { pressing = true; });
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => {
    pressing = false;
    setTimeout(sortAgain); // after the click
  });
}

// Options [value, text]; written anew only in another language, since the menu may be open.
const offer = (select, options, value) => {
  if (select.dataset.language !== cxr.language) {
    select.dataset.language = cxr.language;
    select.replaceChildren(...options.map(([key, text]) => new Option(text, key)));
  }
  select.value = value;
};
const showFilters = () => {
  const all = ["", say("many_all")];
  const options = {
    verdict: VERDICTS.map((one) => [one, sayVerdict(one)]),
    worth: WORTHS.map((one) => [one, say(`worth_${one}`)]),
    own: [...LABELS.map((one) => [one, cxr.nameOf(one, say)]), ["none", say("own_label_none")],
      ["differs", say("own_label_differs")]],
    remarks: [["some", say("remarks_some")], ["none", say("remarks_none")]],
  };
  for (const [name, some] of Object.entries(options)) {
    offer($(`[data-filter=${name}]`), [all, ...some], table.filters[name]);
  }
  $("[data-filter=search]").value = table.filters.search;
  offer($(".sort"), Object.keys(ORDERS).map((by) => [by, say(`sort_${by}`)]), table.by);
  $("[data-do=reverse]").setAttribute("aria-pressed", String(table.reverse));
  for (const button of element.querySelectorAll("[data-sort]")) {
    // The highest probability comes first unless the order is reversed.
    const descending = table.reverse !== (table.by === "probability");
    const sorted = button.dataset.sort === table.by && (descending ? "descending" : "ascending");
    button.closest("th").setAttribute("aria-sort", sorted || "none");
  }
};

// On a phone the radiographs come first, and the filters where they are asked for.
const wide = matchMedia("(min-width: 40rem)");
const openFilters = () => { $(".sift").open = wide.matches; };
wide.addEventListener("change", openFilters);
openFilters();

// --- Lines --------------------------------------------------------------------------------------------------

const showTable = (all) => {
  for (const part of [".sift", "table"]) $(part).hidden = !all.length;
  showFilters();
  const shown = seenRows();
  $(".shown").hidden = shown.length === all.length;
  $(".shown span").textContent = say("many_shown", { shown: shown.length, total: all.length });
  for (const key of table.lines.keys()) if (!cxrList.rows.has(key)) table.lines.delete(key);
  // Lines that are in place are left there: they may have the focus, or an open menu.
  let next = $("tbody").firstElementChild;
  for (const row of shown) {
    const tr = line(row);
    if (tr === next) next = next.nextElementSibling;
    else $("tbody").insertBefore(tr, next);
  }
  while (next) {
    const gone = next;
    next = next.nextElementSibling;
    gone.remove();
  }
};

// The line of a row, written anew if anything in it has changed.
const line = (row) => {
  const verdict = verdictOf(row);
  const current = row.key === cxrList.state.opened;
  const says = JSON.stringify([cxr.language, verdict, row.probability, row.worth, row.own, row.messages, current]);
  const known = table.lines.get(row.key);
  if (known?.says === says) return known.tr;
  const tr = known?.tr ?? document.createElement("tr");
  const focused = tr.contains(document.activeElement) && document.activeElement.dataset.of;
  table.lines.set(row.key, { tr, says });
  tr.dataset.verdict = verdict;
  tr.toggleAttribute("data-differs", differs(row, verdict));
  tr.setAttribute("aria-current", String(current));
  const worth = worthOf(row);
  tr.replaceChildren(
    cell("thumbnail", "", thumbnailOf(row)),
    cell("file", "", openButton(row)),
    cell("verdict", say("verdict"), sayVerdict(verdict)),
    cell("number", say("probability"), hasNumber(row) ? cxr.probability(row.probability) : "–"),
    cell("worth", say("evidence"), worth ? say(`worth_${worth}`) : "–"),
    cell("label", say("own_label"), labelChoice(row)),
    cell("remarks", "", remarks(row)),
  );
  if (focused) tr.querySelector(`[data-of=${focused}]`)?.focus();
  return tr;
};
const cell = (name, label, content) => {
  const td = document.createElement("td");
  td.className = name;
  td.dataset.label = label; // on a phone, where the table has no head
  td.append(content);
  return td;
};
const thumbnailOf = ({ thumbnail }) => {
  if (!thumbnail) return "";
  return Object.assign(document.createElement("img"), { alt: "", src: thumbnail });
};
const openButton = (row) => {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: row.name });
  Object.assign(button.dataset, { of: "open", key: row.key });
  return button;
};
const labelChoice = (row) => {
  const select = document.createElement("select");
  Object.assign(select.dataset, { of: "label", key: row.key });
  select.setAttribute("aria-label", `${say("own_label")}, ${row.name}`);
  offer(select, [["", "–"], ...LABELS.map((label) => [label, cxr.nameOf(label, say)])], row.own);
  return select;
};

// --- What the reader does -----------------------------------------------------------------------------------

const remember = () => {
  const { filters, by, reverse } = table;
  cxr.remember("list", { filters, by, reverse }, "sessionStorage");
  show();
};
const sortBy = (by) => {
  table.reverse = by === table.by && !table.reverse;
  table.by = by;
  remember();
};
element.addEventListener("click", (event) => {
  const { key, sort, do: action } = event.target.closest("button")?.dataset ?? {};
  if (key) cxrList.open(key, seenRows().map((row) => row.key));
  if (sort) sortBy(sort);
  if (action === "reverse") sortBy(table.by);
  if (action === "all") {
    table.filters = { ...NO_FILTERS };
    remember();
    $("[data-filter=search]").focus();
  }
});
element.addEventListener("input", (event) => {
  const { filter, of, key } = event.target.dataset;
  if (filter) table.filters[filter] = event.target.value;
  else if (of === "label") {
    if (event.target === document.activeElement) table.order ??= shownRows().map((row) => row.key);
    cxrList.update(key, { own: event.target.value });
  }
  else if (event.target.matches(".sort")) Object.assign(table, { by: event.target.value, reverse: false });
  remember();
});

// Back from the viewer, the radiograph that was open there has the focus.
let view = null;
const cameBack = () => {
  const before = view;
  view = document.body.dataset.view;
  const { opened } = cxrList.state;
  if (view === "many" && before === "one" && opened) {
    element.querySelector(`button[data-key="${opened}"]`)?.focus();
  }
};
