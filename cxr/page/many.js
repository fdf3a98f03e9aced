// Many radiographs, one after the other: the server is sent one at a time and keeps none of it, so cancelling means not
// sending the next. The list itself is in worklist.js; many_table.js and many_files.js follow in the same scope.
const { cxr, cxrFiles, cxrList, cxrZip } = window;
const $ = (selector) => element.querySelector(selector);
const { say } = cxr;
const MAX_FILES = 5000;
const state = {
  running: false, // while radiographs are classified or heatmaps drawn
  cancelled: false,
  notice: null, // says why no more radiographs are answered, or what else went wrong
  left: [], // of what was chosen last: each says what was left out, and why
  packing: null, // says how many heatmaps are drawn
  drawn: 0, // which fraction of them
  asking: false, // whether to delete the list
};

const rows = () => [...cxrList.rows.values()];
const waiting = () => rows().filter((row) => row.status === "waiting");

// --- What is shown -----------------------------------------------------------------------------------------

const show = () => {
  if (document.body.dataset.view !== "many") return;
  cxr.translate(element, say);
  const all = rows();
  $(".many").toggleAttribute("data-elsewhere", cxrList.state.elsewhere);
  $(".hint").hidden = all.length > 0;
  const left = waiting().length;
  $("[data-do=cancel]").hidden = !state.running;
  $("[data-do=cancel]").disabled = state.cancelled;
  $("[data-do=resume]").hidden = state.running || !left;
  $("[data-do=resume]").textContent = say("many_continue", { left });
  $("[data-do=retry]").hidden = state.running || !failed().length;
  $("[data-do=retry]").textContent = say("many_again", { count: failed().length });
  for (const button of ["csv", "overlays", "delete"]) {
    $(`[data-do=${button}]`).hidden = state.running || !all.length;
  }
  $(".ask").hidden = !state.asking || state.running || !all.length;
  $(".ask p").textContent = say("many_delete_ask", { count: all.length });
  showProgress(all, left);
  showKept(all);
  const own = all.map((row) => row.model && cxr.ownThreshold(row.model)).find((one) => one != null);
  $(".own").hidden = own === undefined;
  $(".own").textContent = own === undefined ? "" : say("many_own", { threshold: cxr.threshold(own) });
  showTable(all);
  followFocus();
};

// A button that has gone leaves the focus to what can be done now.
const followFocus = () => {
  const { activeElement } = document;
  if (!activeElement?.matches("[data-do=cancel], [data-do=resume], [data-do=retry]") || !(activeElement.hidden || activeElement.disabled)) return;
  const next = ["cancel", "resume", "files"].map((action) => $(`[data-do=${action}]`));
  next.find((button) => !button.hidden && !button.disabled).focus();
};

const showProgress = (all, left) => {
  $(".progress").hidden = !all.length;
  const done = all.length - left;
  $("progress").value = state.packing ? state.drawn : done / (all.length || 1);
  const count = (status) => all.filter((row) => row.status === status).length;
  const status = () => say("many_status", {
    done, total: all.length, left, refused: count("refused"), failed: count("error"),
  });
  const stopping = state.running && state.cancelled ? say("many_stopping") : null;
  $(".progress [role=status]").textContent = all.length ? stopping ?? state.packing?.() ?? status() : "";
  const { missing } = cxrList.state;
  const said = [
    missing && say("many_missing", { name: missing }), state.notice?.(), ...state.left.map((one) => one()),
  ].filter(Boolean).join(" ");
  $(".notice").hidden = !said;
  // Not the same once more: it would be read out again.
  if ($(".notice").textContent !== said) $(".notice").textContent = said;
};

const showKept = (all) => {
  const { unkept, keeping, undeleted } = cxrList.state;
  const kept = undeleted ? "undeleted" : unkept ?? (keeping ? "keeping" : "all");
  $(".kept").hidden = !all.length && !undeleted;
  $(".kept").dataset.kept = kept;
  $(".kept").textContent = say(`kept_${kept}`);
};

// Not for each of a thousand radiographs that follow each other closely.
let drawn = 0, later = null;
const showSoon = () => {
  clearTimeout(later);
  if (performance.now() - drawn > 300) { drawn = performance.now(); show(); }
  else later = setTimeout(showSoon, 100);
};

// --- One radiograph after the other ------------------------------------------------------------------------

const unanswered = (code) => ({ status: "error", probability: null, messages: [{ code, values: {} }] });
const saysBusy = ({ messages }) => messages.some(({ code }) => code === "busy");

// The values of its row; or, where the server cannot answer now, which of the viewer's states says why.
const classify = async (row) => {
  let file;
  try {
    file = await cxrList.fileOf(row);
    await file.slice(0, 1).arrayBuffer(); // it may be gone from the disk
  } catch {
    return unanswered(row.entry === null ? "state_missing" : "state_not_unpacked");
  }
  if (file.size > props.max_bytes) return unanswered("state_too_large");
  try {
    const found = await cxrFiles.patiently(async () => {
      const { path } = await upload(file);
      return cxrFiles.reply(server.classify_one({ path, name: row.name }));
    }, saysBusy);
    return saysBusy(found) ? "busy" : found;
  } catch (error) {
    if (cxrFiles.isBusy(error)) return "busy";
    // Where the server is there, it is this file that fails: the others go on.
    return (await isReachable()) ? unanswered("state_failed") : "offline";
  }
};
// A proxy may answer for a server that is not there.
const isReachable = () => fetch(location.href, { method: "HEAD", cache: "no-store" }).then(({ ok }) => ok, () => false);

// What may be answered another time: its disk was unplugged, or the server failed.
const PASSING = ["state_missing", "state_not_unpacked", "state_failed", "failed"];
const failed = () => rows().filter((row) => row.status === "error" && row.messages.some(({ code }) => PASSING.includes(code)));
const tryAgain = () => {
  for (const { key } of failed()) cxrList.forgetAnswer(key);
  return run();
};

const run = async () => {
  if (state.running) return;
  Object.assign(state, { running: true, cancelled: false, notice: null });
  try {
    show();
    for (;;) {
      const [row] = waiting();
      if (!row || state.cancelled) break;
      const found = await classify(row);
      if (typeof found === "string") {
        state.notice = () => `${say(`state_${found}`)}. ${say(`todo_${found}`)}`;
        break;
      }
      cxrList.update(row.key, { ...found, by: props.answers });
    }
  } finally {
    state.running = false;
  }
  show();
};

const add = async (chosen) => {
  if (cxrList.state.elsewhere) return;
  const { sources, tables, others, damaged } = await cxrFiles.gather(await cxrFiles.listFiles(chosen));
  const left = [
    ...(damaged.length ? [() => say("many_archive", { name: damaged.at(-1) })] : []),
    ...(tables.length ? [() => say("many_tables", {
      name: cxrFiles.listed(tables.map(({ name }) => name)), count: tables.length,
    })] : []),
    ...(others.length ? [() => say("files_no_images", {
      name: cxrFiles.listed(others.map(({ name }) => name)), count: others.length,
    })] : []),
  ];
  const tooMany = sources.length + cxrList.rows.size > MAX_FILES;
  if (tooMany) left.push(() => say("many_limit", { limit: MAX_FILES }));
  else if (!sources.length && !left.length) left.push(() => say("many_nothing"));
  state.left = left;
  show();
  if (sources.length && !tooMany && !cxrList.state.elsewhere) { // meanwhile another tab may have taken it over
    await cxrList.add(sources.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true })));
    await run();
  }
};

// --- What the reader does ----------------------------------------------------------------------------------

const ACTIONS = {
  files: () => $(".pick-files").click(),
  folder: () => $(".pick-folder").click(),
  cancel: () => { state.cancelled = true; show(); },
  resume: run,
  retry: tryAgain,
  here: async () => {
    state.notice = null;
    if (!(await cxrList.claim())) state.notice = () => say("other_tab_unkept");
    show();
  },
  delete: () => { state.asking = true; show(); $("[data-do=keep_all]").focus(); },
  keep_all: () => { state.asking = false; show(); $("[data-do=delete]").focus(); },
  delete_all: () => {
    Object.assign(state, { asking: false, notice: null, left: [] });
    table.filters = { ...NO_FILTERS };
    remember();
    cxrList.clear();
    show();
    $("[data-do=files]").focus();
  },
};
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  ACTIONS[button?.dataset.do]?.();
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest(".ask")) ACTIONS.keep_all();
});
element.addEventListener("change", (event) => {
  if (!event.target.matches("input[type=file]")) return;
  const files = [...event.target.files];
  event.target.value = "";
  add({ files, items: [] });
});
document.addEventListener("cxr:drop", (event) => add(event.detail));
