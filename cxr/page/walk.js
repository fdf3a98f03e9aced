// Above the viewer, where a radiograph was opened from the list: the one before, the next, the reader's own label, and
// the way back.
const { cxr, cxrList } = window;
const { say } = cxr;
const $ = (selector) => element.querySelector(selector);
const { state } = cxrList;

const show = () => {
  cxr.translate(element, say);
  const row = cxrList.rows.get(state.opened);
  $("nav").hidden = !row;
  if (!row) return;
  $(".place").textContent = say("walk_place", { place: state.order.indexOf(row.key) + 1, total: state.order.length });
  $(".path").textContent = row.name.includes("/") ? row.name : ""; // beside the name that the viewer shows
  for (const [action, steps] of [["previous", -1], ["next", 1]]) {
    $(`[data-do=${action}]`).setAttribute("aria-disabled", String(!cxrList.rows.has(cxrList.further(steps))));
  }
  for (const button of element.querySelectorAll("[data-label]")) {
    button.setAttribute("aria-pressed", String(button.dataset.label === row.own));
  }
};

const go = (steps) => {
  const key = cxrList.further(steps);
  if (cxrList.rows.has(key)) cxrList.open(key);
};
// A second time takes the label away.
const label = (own) => {
  const row = cxrList.rows.get(state.opened);
  cxrList.update(row.key, { own: row.own === own ? "" : own });
};
const ACTIONS = {
  previous: () => go(-1), next: () => go(1), list: cxrList.back,
  PNEUMONIA: () => label("PNEUMONIA"), NORMAL: () => label("NORMAL"), UNSURE: () => label("UNSURE"),
};
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  ACTIONS[button?.dataset.do ?? button?.dataset.label]?.();
});

// Digits also by the key's place: some keyboards have them above signs.
const LABELS = ["PNEUMONIA", "NORMAL", "UNSURE"];
const KEYS = {
  p: "previous", n: "next", a: "list",
  ...Object.fromEntries(LABELS.flatMap((own, i) => [[`${i + 2}`, own], [`digit${i + 2}`, own]])),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || cxr.typing(event.target)) return;
  if (!element.isConnected || !element.offsetParent || $("nav").hidden) return;
  const action = KEYS[event.key.toLowerCase()] ?? KEYS[event.code.toLowerCase()];
  if (!action) return;
  // Held down, a key would give a label and take it away by turns, or rush past radiographs.
  if (!event.repeat) ACTIONS[action]();
  event.preventDefault();
});

cxrList.onChange(show);
cxr.onChange(show);
