// The list of many radiographs, shared by the components of many.py: what was answered of each, the reader's own
// label, the files themselves, and which of them the viewer shows. The list is in memory and, as far as the browser
// gives room, kept in this browser until it is deleted. Of a ZIP file the list holds the file and a row for each entry.
window.cxrList ??= (() => {
  const { cxr, cxrFiles, cxrStore, cxrTabs, cxrZip } = window;
  const kept = { rows: cxrStore.open("list"), files: cxrStore.open("list-files") };
  const rows = new Map(); // each row by its key, in the order in which they were added
  const files = new Map(); // those that were chosen or read since the page was loaded, by their source
  const archives = new Map(); // each ZIP file that was opened, with a promise of its entries
  const state = {
    unkept: null, // why not all is kept in the browser: "forbidden", "full" or "failed"
    elsewhere: false, // whether another tab of the browser has the list
    keeping: 0, // rows and files that are still to be kept
    undeleted: false, // whether the browser has failed to delete what it keeps
    order: [], // keys of what the list showed when the radiograph in the viewer was opened
    opened: null, // key of the radiograph in the viewer, if it was opened from the list
    file: null, // of that radiograph
    missing: null, // name of a radiograph that could not be opened
  };

  const listeners = new Set();
  const notify = () => listeners.forEach((listener) => listener());

  // --- What is kept in the browser, one thing after the other --------------------------------------------
  let queue = Promise.resolve();
  const keep = (work) => {
    state.keeping += 1;
    queue = queue.then(() => (tab.held ? work() : null)).catch(({ code }) => { state.unkept = code ?? "failed"; }).then(() => {
      state.keeping -= 1;
      if (!state.keeping) notify();
    });
    return queue;
  };
  const keepRow = ({ key }) => keep(async () => {
    // As it is by then; it may have been deleted.
    if (rows.has(key)) await kept.rows.put(key, { ...rows.get(key) });
  });
  const keepFile = (source) => keep(async () => {
    if (files.has(source) && state.unkept !== "full") await kept.files.put(source, files.get(source));
  });

  const restore = async () => {
    try {
      for (const [key, row] of await kept.rows.all()) rows.set(key, row);
    } catch ({ code }) {
      state.unkept = code;
    }
    state.elsewhere = false;
    renew();
    notify();
  };
  let restored;
  const ready = new Promise((done) => { restored = done; });
  const tab = cxrTabs.share("list", {
    gained: () => restore().then(restored),
    lost: async () => {
      await queue;
      return !(state.unkept && rows.size);
    },
    elsewhere: () => {
      wanted = null;
      rows.clear();
      Object.assign(state, { elsewhere: true, unkept: null, order: [], opened: null, file: null, missing: null });
      notify();
    },
  });

  // --- Rows ----------------------------------------------------------------------------------------------
  const NO_ANSWER = {
    status: "waiting", probability: null, messages: [], thumbnail: null, worth: null, map: null, model: null, by: null,
  };
  // Sources are files, or entries of a ZIP file by their place in it: { name, file, entry }.
  const add = async (sources) => {
    await ready;
    if (state.elsewhere) return;
    const batch = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
    const taken = new Set([...rows.values()].map(({ name }) => name));
    const names = new Map(); // of the files: several entries have the same one
    const added = sources.map(({ name, file, entry }, i) => {
      const key = `${batch}-${String(i).padStart(6, "0")}`;
      if (!names.has(file)) names.set(file, key);
      return { ...NO_ANSWER, key, name: cxrFiles.distinct(name, taken), source: names.get(file), entry, own: "" };
    });
    for (const [file, source] of names) files.set(source, file);
    for (const row of added) rows.set(row.key, row);
    notify();
    added.forEach(keepRow);
    for (const source of names.values()) keepFile(source);
  };
  const update = (key, values) => {
    const row = rows.get(key); // it may have been deleted while it was being read
    if (!row) return;
    Object.assign(row, values);
    keepRow(row);
    notify();
  };
  // Rows that others have answered, another model or an earlier version of the page, wait for an answer again.
  let answering = null; // what answers now
  const renew = (by = answering) => {
    answering = by;
    const others = [...rows.values()].filter((row) => by && row.status !== "waiting" && row.by !== by);
    for (const row of others) Object.assign(row, NO_ANSWER);
    others.forEach(keepRow);
    if (others.length) notify(); // once all are changed: what others said may be unknown here
  };
  const forgetAnswer = (key) => update(key, NO_ANSWER);
  const clear = async () => {
    rows.clear();
    files.clear();
    archives.clear();
    Object.assign(state, { order: [], opened: null, file: null, missing: null });
    notify();
    await keep(async () => {
      try {
        await kept.rows.clear();
        await kept.files.clear();
      } catch (error) {
        state.undeleted = error.code !== "forbidden"; // then there is nothing to delete
        throw error;
      }
      Object.assign(state, { unkept: null, undeleted: false }); // there is room again
    });
  };

  // Fails where the file is gone from the disk and not kept in the browser.
  const fileOf = async ({ source, entry }) => {
    let file = files.get(source);
    if (!file || !(await cxrFiles.isThere(file))) {
      file = await kept.files.get(source);
      if (!file) throw new Error("the file is not kept");
      files.set(source, file);
    }
    return entry === null ? file : (await entriesOf(source, file))[entry].open();
  };
  const entriesOf = (source, file) => {
    const known = archives.get(source);
    if (known?.file === file) return known.entries;
    const entries = cxrZip.read(file);
    entries.catch(() => archives.delete(source)); // it may be there again the next time
    archives.set(source, { file, entries });
    return entries;
  };

  // --- From the list to the viewer, and from one radiograph to the next ----------------------------------
  const back = () => {
    cxr.setView("many");
    notify();
  };
  const OPENED = "list.opened"; // what the tab remembers
  let wanted = null; // only the row asked for last is opened
  const open = async (key, order = state.order) => {
    wanted = key;
    let file;
    try {
      file = await fileOf(rows.get(key));
    } catch {
      if (wanted !== key) return null;
      state.missing = rows.get(key)?.name ?? null;
      return back();
    }
    if (wanted !== key) return null;
    Object.assign(state, { order, opened: key, file, missing: null });
    cxr.remember(OPENED, { key, order }, "sessionStorage");
    if (document.body.dataset.view === "many") scrollTo(0, 0);
    document.dispatchEvent(new CustomEvent("cxr:open", { detail: file }));
    return notify();
  };
  // The key so many places further on; undefined beyond the ends.
  const further = (steps) => state.order[state.order.indexOf(state.opened) + steps];
  // The viewer shows this file; if it is another one, it did not come from the list.
  const follow = (file) => {
    if (file && file === state.file) return;
    wanted = null; // a row that is still being read from the disk is not wanted any more
    if (file === state.file) return;
    Object.assign(state, { opened: null, file: null });
    cxr.remember(OPENED, null, "sessionStorage");
    notify();
  };
  // After a reload, the radiograph that was open in the viewer is there again.
  const reopen = async () => {
    await ready;
    const { key, order } = cxr.recall(OPENED, "sessionStorage") ?? {};
    const { body } = document;
    if (rows.has(key) && (body.dataset.view ?? "one") === "one" && !body.hasAttribute("data-shown")) open(key, order);
  };

  return {
    state, rows, ready, claim: () => tab.claim(), add, update, renew, forgetAnswer, clear, fileOf, open, reopen, further, follow, back,
    onChange: (listener) => { listeners.add(listener); listener(); },
  };
})();
