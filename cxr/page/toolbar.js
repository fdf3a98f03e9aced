// --- Tools: buttons, keys, and the list of both ----------------------------------------------------------

// Name, key, and the lines of an icon of 16 by 16. Some switch something on and off (state.pressed), some say
// what a pointer does (state.mode), the others do something once.
const TOOLS = [
  ["heatmap", "h", "M3 13C3 8 7 9 7 3C11 5 13 8 13 11A5 5 0 0 1 3 13M7 13C7 11 9 11 9 9C11 10 11 12 10 13"],
  ["contour", "c", "M2 8A6 5 0 1 0 14 8A6 5 0 1 0 2 8M5 8A3 2.5 0 1 0 11 8A3 2.5 0 1 0 5 8"],
  ["lungs", "l", "M8 2V8M7 8C7 5 5 4 4 5C2 7 2 10 2 13C4 14 7 13 7 11ZM9 8C9 5 11 4 12 5C14 7 14 10 14 13C12 14 9 13 9 11Z"],
  ["grid", "g", "M2 2H14V14H2ZM6 2V14M10 2V14M2 6H14M2 10H14"],
  ["mark", "a", "M8 2A6 6 0 1 0 14 8M10 8L15 3L13 1L8 6V8Z"],
  ["erase", "e", "M3 10L9 4L13 8L8 13H5ZM2 14H14"],
  ["box", "o", "M3 3H7M9 3H13V7M13 9V13H9M7 13H3V9M3 7V3M6 6L10 10M10 6L6 10"],
  ["side", "s", "M2 3H14V13H2ZM8 3V13"],
  ["invert", "i", "M8 2A6 6 0 1 0 8 14ZM8 2A6 6 0 0 1 8 14"],
  ["window", "w", "M8 5A3 3 0 1 0 8 11A3 3 0 1 0 8 5M8 1V3M8 13V15M1 8H3M13 8H15M3 3L4 4M12 12L13 13M13 3L12 4M4 12L3 13"],
  ["preset", "b", "M2 13L6 5L9 10L11 7L14 13Z"],
  ["turn", "r", "M13 8A5 5 0 1 1 11 4M11 1V4H8"],
  ["flip", "f", "M8 1V15M6 4L2 12H6ZM10 4L14 12H10Z"],
  ["lens", "m", "M7 2A5 5 0 1 0 7 12A5 5 0 1 0 7 2M11 11L15 15M7 5V9M5 7H9"],
  ["ruler", "d", "M1 11L11 1L15 5L5 15ZM5 7L7 9M8 4L10 6"],
  ["further", "-", "M3 8H13"],
  ["closer", "+", "M3 8H13M8 3V13"],
  ["whole", "0", "M2 6V2H6M10 2H14V6M14 10V14H10M6 14H2V10"],
  ["actual", "1", "M4 5L6 3V13M10 5L12 3V13M8 6V6.5M8 9.5V10"],
  ["reset", "backspace", "M3 8A5 5 0 1 0 5 4M5 1V4H8"],
  ["full", "u", "M1 5V1H5M11 1H15V5M15 11V15H11M5 15H1V11M5 5H11V11H5Z"],
  ["help", "?", "M5 6A3 3 0 1 1 8 9V11M8 13V13.5"],
];
const MODES = ["window", "ruler", ...BRUSHES];
// The evidence, and what it changes, would give the answer away before the reader's own reading.
const WOULD_TELL = ["heatmap", "contour", "erase", "box", "erase_hottest"];
// Who uses them says which are left out, which keys there are besides, and what else the banner says (OFFERED), and
// whether the evidence must not be shown yet (blinded).
// An iframe may forbid the full screen, and phones may not have it.
const OFFERED_TOOLS = TOOLS.filter(([name]) => !OFFERED.without.includes(name)
  && (name !== "full" || document.fullscreenEnabled));

const toolbar = () => OFFERED_TOOLS.map(([name, key, icon]) => {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.tool = name;
  button.dataset.tTitle = `tool_${name}_does`;
  const switches = name in state.pressed || MODES.includes(name);
  if (switches) button.setAttribute("aria-pressed", "false");
  button.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${icon}"></path></svg>`
    + `<span data-t="tool_${name}"></span>`;
  button.setAttribute("aria-keyshortcuts", key);
  return button;
});
// Those from each of these on stay together, so that where a line is full no tool stands alone in the next.
const TOGETHER = ["further", "reset"];
const grouped = (tools) => {
  const found = [];
  let group = null;
  for (const tool of tools) {
    if (TOGETHER.includes(tool.dataset.tool)) {
      group = Object.assign(document.createElement("span"), { className: "group" });
      found.push(group);
    }
    if (group) group.append(tool);
    else found.push(tool);
  }
  return found;
};
$(".tools").replaceChildren(...grouped(toolbar()));
$("[data-tool=help]").setAttribute("aria-haspopup", "dialog");

// One stop for Tab; the arrows, Home and End go from tool to tool (ARIA's pattern of a toolbar).
const allTools = () => [...$(".tools").querySelectorAll("button")];
const seenTools = () => allTools().filter((button) => !button.hidden);
const stopAt = (button) => {
  for (const other of allTools()) other.tabIndex = other === button ? 0 : -1;
};
stopAt(allTools()[0]);
// A hidden tool cannot be the toolbar's tab stop.
const stopAtSeen = () => {
  if (allTools().find(({ tabIndex }) => tabIndex === 0).hidden) stopAt(seenTools()[0]);
};
$(".tools").addEventListener("focusin", (event) => stopAt(event.target));
$(".tools").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own
  const tools = seenTools();
  const at = tools.indexOf(document.activeElement);
  const next = { ArrowRight: at + 1, ArrowLeft: at - 1 + tools.length, Home: 0, End: tools.length - 1 }[event.key];
  if (next === undefined) return;
  tools[next % tools.length].focus();
  event.preventDefault();
  event.stopPropagation();
});
cxr.sayMore($(".tools")); // on a phone

const showTools = () => {
  // Nothing else on the page could be used behind keys of a desk that has gone.
  if ($(".help").open && !(answered() && $(".stage").offsetParent)) $(".help").close();
  // What was begun on another radiograph must not go on, unseen, on one that is still to be read.
  if (answered() && blinded() && WOULD_TELL.includes(state.mode)) state.mode = "move";
  const { pressed, mode } = state;
  for (const button of element.querySelectorAll("[data-tool][aria-pressed]")) {
    const { tool } = button.dataset;
    button.setAttribute("aria-pressed", String(pressed[tool] ?? mode === tool));
  }
  $(".tools").hidden = !answered() && state.kind !== "reading"; // where the next one will have them
  if (!answered() && $(".tools").contains(document.activeElement)) $(".stage").focus({ preventScroll: true });
  $(".tools").inert = !answered();
  $(".stage").dataset.mode = mode;
  if (!answered()) return;
  const { windows, evidence } = answered();
  // Until the reader has read, the tools that would give the answer away are not there.
  for (const name of WOULD_TELL.filter((one) => one !== "erase_hottest")) {
    const button = $(`[data-tool=${name}]`);
    if (button) button.hidden = blinded() || (["erase", "box"].includes(name) && !evidence);
  }
  stopAtSeen();
  const names = Object.keys(windows);
  const now = names.find((name) => String(windows[name]) === String(state.window)) ?? "own";
  $("[data-tool=preset] [data-t]").textContent = say(`window_${now}`);
  showBanner();
  showLegend();
};
const showBanner = () => {
  const { pressed } = state;
  const { turned } = answered();
  const said = [];
  if (turned === 180) said.push(say("banner_upside_down"));
  else if (turned === 270) said.push(say("banner_turned_right", { degrees: 90 }));
  else if (turned) said.push(say("banner_turned", { degrees: turned }));
  if (state.view.flip) said.push(say("banner_mirrored"));
  const asked = pressed.heatmap || pressed.contour;
  if (notSupported() && asked) said.push(cxrRules.asSentence(say("evidence_is", { word: say("worth_not_supported") })));
  const more = OFFERED.banner();
  if (more) said.push(more);
  $(".banner").textContent = said.join(" · ");
  $(".banner").hidden = !said.length;
  $(".unsupported").hidden = !(asked && notSupported() && !state.forced);
};
const notSupported = () => answered()?.worth === "not_supported";

// Twice as wide and high as the whole about a place, or the whole again.
const fill = (at) => {
  if (state.view.zoom > 1) state.view = { ...state.view, zoom: 1, x: 0, y: 0 };
  else zoom(2, at);
  draw();
};

const ACTIONS = {
  closer: () => zoom(1.3),
  further: () => zoom(1 / 1.3),
  whole: () => { state.view = { ...FRESH_VIEW }; },
  actual: () => zoom(1 / zoomFactor()),
  reset: () => {
    resetView();
    state.window = [...Object.values(answered().windows)[0]];
    showSliders();
  },
  // What is in the middle of the stage stays there.
  turn: () => {
    const { x, y, turn, flip } = state.view;
    const fit = fitOf($("canvas.main"));
    state.view.turn = (turn + 1) % 4;
    const larger = fitOf($("canvas.main")) / fit;
    Object.assign(state.view, { x: larger * (flip ? y : -y), y: larger * (flip ? -x : x) });
  },
  flip: () => { Object.assign(state.view, { flip: !state.view.flip, x: -state.view.x }); },
  preset: nextWindow,
  full: () => (document.fullscreenElement ? document.exitFullscreen() : $(".desk").requestFullscreen()),
  help: () => showHelp(),
  erase_hottest: () => eraseHottest(),
  undo: () => undo(),
};
const ENDS_STROKES = ["undo", "reset", "erase_hottest"];
const use = (tool) => {
  const { pressed } = state;
  if (!answered() || $(`[data-tool=${tool}]`)?.hidden) return;
  if (pointers.size && ENDS_STROKES.includes(tool)) return; // what is being drawn is not taken back meanwhile
  if (blinded() && WOULD_TELL.includes(tool)) return;
  // Zoom, heatmap and the like leave a line or box that was begun by keys as it is.
  if (MODES.includes(tool) || ENDS_STROKES.includes(tool)) stage.held = false;
  if (tool in pressed) pressed[tool] = !pressed[tool];
  // Beside the plain radiograph there is the heatmap, else both would be the same.
  if (tool === "side" && pressed.side && !pressed.contour && !blinded()) pressed.heatmap = true;
  if (MODES.includes(tool)) state.mode = state.mode === tool ? "move" : tool;
  if (tool === "ruler") stage.ruler = null;
  ACTIONS[tool]?.();
  if (!pointsSomewhere()) stage.byKeys = false;
  showTools();
  draw();
};

const showHelp = () => {
  const keys = [...OFFERED_TOOLS.map(([name, key]) => [key, `tool_${name}_does`]),
    ...Object.entries(OFFERED.keys).map(([key, name]) => [key, name])];
  $(".help .keys").replaceChildren(...keys.map(([key, text]) => {
    const row = document.createElement("p");
    row.innerHTML = "<kbd></kbd> <span></span>";
    row.firstChild.textContent = key === "backspace" ? "⌫" : key.toUpperCase();
    row.lastChild.textContent = say(text);
    return row;
  }));
  $(".help").showModal();
  // In a frame as high as its content, the middle may be out of sight.
  const top = innerHeight > screen.availHeight ? Math.max(8, $(".stage").getBoundingClientRect().top) : null;
  $(".help").style.marginTop = top === null ? "" : `${top}px`;
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.tool) use(button.dataset.tool);
  if (button?.matches(".unsupported")) {
    state.forced = true;
    showTools();
    draw();
  }
  // A click beside the dialogue counts as one on it; what it holds fills its area.
  if (button?.matches(".help .close") || event.target === $(".help")) $(".help").close();
});

const KEYS = Object.fromEntries([...OFFERED_TOOLS.map(([name, key]) => [key, name]), ["=", "closer"],
  ...Object.entries(OFFERED.keys)]);
// Digits also by the key's place: some keyboards have them above signs.
const DIGIT = /^Digit(\d)$/;
const REPEATABLE = ["closer", "further"]; // others would switch on and off while their key is held down
// Before all others that listen: Escape puts away a tool first, and ends something else only if there is none.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || cxr.typing(event.target)) return;
  if (!element.isConnected || !element.offsetParent || !answered()) return;
  if (pointers.size) return; // what is being drawn is not changed under the pointer
  const tool = KEYS[event.key.toLowerCase()] ?? KEYS[DIGIT.exec(event.code)?.[1]];
  if (tool) {
    if (!event.repeat || REPEATABLE.includes(tool)) use(tool);
  }
  else if (event.key === "Escape" && (state.mode !== "move" || stage.held || stage.byKeys)) {
    Object.assign(stage, { held: false, byKeys: false });
    state.mode = "move";
    showTools();
    draw();
  }
  else return;
  event.preventDefault();
}, { capture: true });
