// Runs in the browser with `element`, `props` and `watch` in scope. A radiograph arrives once; from then
// on everything is answered here, with no request to the server.
const { cxr } = window;
const $ = (selector) => element.querySelector(selector);
const texts = () => props.texts[cxr.language];

// --- What is shown --------------------------------------------------------------------------------

const FRESH_VIEW = { scale: 1, x: 0, y: 0, brightness: 1, contrast: 1 };
const state = {
  opacity: 0.5,
  prevalence: cxr.recall("prevalence") ?? 20, // per cent
  pressed: { heat: false, contour: false, side: false, invert: false, levels: false },
  view: { ...FRESH_VIEW },
  shown: null, // the radiograph that is on the stage
  own: null, // the reader's reading of it, once it is given
};
const radiograph = () => props.value;
const points = () => radiograph().operating_points;
const ownThreshold = () => cxr.ownThreshold(radiograph().model);
const threshold = () => ownThreshold() ?? points().threshold;

const showTexts = () => {
  cxr.translate(element, texts());
  $(".legend .scale").style.backgroundImage = props.legend;
};

const showFilm = () => {
  const value = radiograph();
  $(".viewer").dataset.state = value ? "radiograph" : "empty";
  if (!value) return;
  for (const image of element.querySelectorAll("img.radiograph")) {
    image.src = value.image;
    image.alt = `${texts().image} ${value.name}`;
    image.hidden = false;
  }
  $(".heat").src = value.heat;
  $(".contour").setAttribute("viewBox", `0 0 ${value.width} ${value.height}`);
  $(".contour").innerHTML = value.contours
    .map((outline, level) => `<path d="${outline}" data-level="${level}"></path>`).join("");
  $(".verdict .name").textContent = value.name;
  $(".dicom").hidden = !value.is_dicom;
  if (state.shown === value.id) return;
  // Another radiograph: seen whole, without heat until that is asked for, and read by the reader first
  // where that is wanted.
  state.own = null;
  state.shown = value.id;
  state.view = { ...FRESH_VIEW };
  Object.assign(state.pressed, { heat: false, contour: false, invert: false });
};

const showTools = () => {
  for (const button of element.querySelectorAll("[data-tool][aria-pressed]")) {
    button.setAttribute("aria-pressed", String(state.pressed[button.dataset.tool]));
  }
  if (!radiograph()) return;
  const { heat, contour, side, invert } = state.pressed;
  $(".heat").hidden = !heat;
  $(".heat").style.opacity = state.opacity;
  $(".contour").toggleAttribute("hidden", !contour);
  $(".contour").style.opacity = Math.max(state.opacity, 0.3);
  $(".plain").hidden = !side;
  $(".stage").classList.toggle("two", side);
  $(".legend").hidden = !(heat || contour);
  $(".opacity").value = state.opacity;
  $(".legend output").textContent = cxr.percent(state.opacity);
  const { scale, x, y, brightness, contrast } = state.view;
  for (const sheet of element.querySelectorAll(".sheet")) {
    sheet.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  }
  const levels = `invert(${Number(invert)}) brightness(${brightness}) contrast(${contrast})`;
  for (const image of element.querySelectorAll("img.radiograph")) image.style.filter = levels;
};

const showReading = () => {
  const value = radiograph();
  if (!value) return;
  const t = texts();
  const at = threshold();
  const verdict = cxr.verdict(value.probability, points(), value.model);
  $(".viewer").dataset.verdict = verdict;
  $(".verdict .label").textContent = t.verdicts[verdict];
  $(".verdict .reason").textContent = t.reasons[verdict];
  $(".probability output").textContent = cxr.probability(value.probability);
  $(".bar .fill").style.width = `${100 * value.probability}%`;
  $(".bar .mark").style.left = `${100 * at}%`;
  const { high_sensitivity: low, high_specificity: high } = points();
  $(".bar .band").style.left = `${100 * low}%`;
  $(".bar .band").style.width = `${100 * (high - low)}%`;
  $(".bar .band").hidden = ownThreshold() !== null;
  $(".threshold").value = at;
  const whose = ownThreshold() === null ? t.shipped : t.own;
  $(".threshold-control output").textContent = `${cxr.decimal(at)} (${whose})`;
  $(".reset").hidden = ownThreshold() === null;
  for (const stop of element.querySelectorAll("[data-stop]")) {
    const value_ = points()[stop.dataset.stop];
    stop.textContent = `${t.stop_names[stop.dataset.stop]} ${cxr.decimal(value_)}`;
    stop.setAttribute("aria-pressed", String(Math.abs(value_ - at) < 0.005));
  }
  showCost(at);
  const say = ({ code, values }) => cxr.fill(t.messages[code], values);
  $(".warnings").replaceChildren(...value.warnings.map((warning) => {
    const item = document.createElement("li");
    item.textContent = cxr.sentence([say(warning)]);
    return item;
  }));
  $(".warnings").hidden = !value.warnings.length;
  const called = value.probability >= at;
  const holds = value.variants.every((variant) => variant >= at === called);
  $(".worth").textContent = [
    cxr.sentence(value.heat_worth.map(say)),
    cxr.sentence([t.messages[holds ? "verdict_holds" : "verdict_wavers"]]),
  ].join(" ");
  $(".meaning").textContent = verdict === "NORMAL" ? t.legend_normal : t.legend;
};

const showCost = (at) => {
  const t = texts();
  const point = points().curve.reduce((best, other) =>
    Math.abs(other.threshold - at) < Math.abs(best.threshold - at) ? other : best);
  const line = (share, [low, high], count, all) => cxr.fill(t.share_line, {
    share: cxr.percent(share, 1), low: cxr.percent(low, 1), high: cxr.percent(high, 1),
    count: cxr.number(count), all: cxr.number(all),
  });
  const sick = point.true_positives + point.false_negatives;
  const healthy = point.true_negatives + point.false_positives;
  $(".cost .sensitivity").textContent =
    line(point.sensitivity, point.sensitivity_interval, point.true_positives, sick);
  $(".cost .specificity").textContent =
    line(point.specificity, point.specificity_interval, point.true_negatives, healthy);
  const { images, patients, folds, text } = radiograph().source;
  $(".source").textContent = images
    ? cxr.fill(t.source, { images: cxr.number(images), patients: cxr.number(patients), folds })
    : text;

  const prevalence = state.prevalence / 100;
  const found = point.sensitivity * prevalence;
  const alarms = (1 - point.specificity) * (1 - prevalence);
  const missed = prevalence - found;
  const cleared = 1 - prevalence - alarms;
  const thousand = (share) => cxr.number(Math.round(1000 * share));
  $(".frequencies").textContent = cxr.fill(t.frequencies, {
    sick: thousand(prevalence), found: thousand(found), missed: thousand(missed),
    healthy: thousand(1 - prevalence), alarms: thousand(alarms),
  });
  $(".predictive").textContent = cxr.fill(t.predictive, {
    positive: cxr.percent(found / (found + alarms), 1),
    negative: cxr.percent(cleared / (cleared + missed), 1),
  });
  const input = $(".prevalence input");
  if (document.activeElement !== input) input.value = state.prevalence;
};

const show = () => { showTexts(); showFilm(); showTools(); showReading(); showSession(); };

// --- What the reader does -------------------------------------------------------------------------

const setThreshold = (value) => cxr.setThreshold(radiograph().model, value);

const zoom = (factor, at) => {
  const { view } = state;
  const box = $(".pane.main").getBoundingClientRect();
  const [x, y] = at ?? [box.width / 2, box.height / 2];
  const scale = Math.min(12, Math.max(1, view.scale * factor));
  // What lies under the pointer stays there.
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  keepInSight();
};
const pan = (dx, dy) => { state.view.x += dx; state.view.y += dy; keepInSight(); };
const keepInSight = () => {
  const { view } = state;
  const box = $(".pane.main").getBoundingClientRect();
  view.x = Math.min(0, Math.max(box.width * (1 - view.scale), view.x));
  view.y = Math.min(0, Math.max(box.height * (1 - view.scale), view.y));
  showTools();
};
const level = (dx, dy) => {
  const clamp = (value) => Math.min(4, Math.max(0.25, value));
  state.view.contrast = clamp(state.view.contrast * Math.exp(dx / 250));
  state.view.brightness = clamp(state.view.brightness * Math.exp(-dy / 250));
  showTools();
};

const use = (tool) => {
  if (!radiograph()) return;
  if (waiting() && (tool === "heat" || tool === "contour")) return;
  if (tool in state.pressed) state.pressed[tool] = !state.pressed[tool];
  // Shown together they hide each other.
  if (tool === "heat" && state.pressed.heat) state.pressed.contour = false;
  if (tool === "contour" && state.pressed.contour) state.pressed.heat = false;
  if (tool === "closer") zoom(1.3);
  if (tool === "further") zoom(1 / 1.3);
  if (tool === "whole") state.view = { ...FRESH_VIEW };
  showTools();
};

// Delegated: the template renders anew with each radiograph, `element` stays.
element.addEventListener("input", (event) => {
  if (event.target.matches(".threshold")) setThreshold(Number(event.target.value));
  if (event.target.matches(".opacity")) {
    state.opacity = Number(event.target.value);
    showTools();
  }
  if (event.target.matches(".prevalence input")) {
    const value = Number(event.target.value);
    if (!(value > 0 && value < 100)) return;
    state.prevalence = value;
    cxr.remember("prevalence", value);
    showReading();
  }
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.tool) use(button.dataset.tool);
  if (button.dataset.stop) setThreshold(points()[button.dataset.stop]);
  if (button.matches(".reset")) setThreshold(null);
  if (button.dataset.keep === "overlay") keepOverlay();
  const kind = button.dataset.keep;
  if (kind === "report" || kind === "dicom") {
    trigger("submit", {
      kind, threshold: ownThreshold(), language: cxr.language,
      keep_identifiers: $(".identifiers").checked,
    });
  }
  if (button.matches(".invitation")) fileInput()?.click();
});

// What the stage shows of radiograph and heat, at the radiograph's own size.
const keepOverlay = () => {
  const value = radiograph();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [value.width, value.height];
  const drawing = canvas.getContext("2d");
  drawing.filter = $(".pane.main .radiograph").style.filter || "none";
  drawing.drawImage($(".pane.main .radiograph"), 0, 0, value.width, value.height);
  drawing.filter = "none";
  drawing.globalAlpha = state.opacity;
  drawing.drawImage($(".heat"), 0, 0, value.width, value.height);
  cxr.download(canvas.toDataURL("image/png"), `${value.stem}_overlay.png`);
};

const KEYS = {
  h: "heat", c: "contour", s: "side", i: "invert", b: "levels", 0: "whole",
  "+": "closer", "=": "closer", "-": "further",
};
const ARROWS = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
const typing = (target) => target.closest?.("input:not([type=range]), textarea, select");
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (!element.isConnected || !element.offsetParent || !radiograph()) return;
  const tool = KEYS[event.key.toLowerCase()];
  if (tool) use(tool);
  else if (ARROWS[event.key] && event.target.closest?.(".stage")) pan(...ARROWS[event.key]);
  else return;
  event.preventDefault();
});

const onStage = (event) => radiograph() && event.target.closest(".stage");
const place = (event) => {
  const box = event.target.closest(".pane")?.getBoundingClientRect();
  return box ? [event.clientX - box.left, event.clientY - box.top] : undefined;
};
element.addEventListener("wheel", (event) => {
  if (!onStage(event)) return;
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), place(event));
}, { passive: false });

const pointers = new Map();
element.addEventListener("pointerdown", (event) => {
  if (!onStage(event) || event.target.closest("button")) return;
  $(".stage").setPointerCapture(event.pointerId);
  $(".stage").focus({ preventScroll: true });
  pointers.set(event.pointerId, event);
});
element.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
  if (pointers.size === 2) {
    const [other] = [...pointers.values()].filter((p) => p.pointerId !== event.pointerId);
    const apart = (p) => Math.hypot(p.clientX - other.clientX, p.clientY - other.clientY);
    zoom(apart(event) / Math.max(1, apart(before)));
  } else if (state.pressed.levels || event.shiftKey || event.buttons === 2) level(dx, dy);
  else pan(dx, dy);
  pointers.set(event.pointerId, event);
});
for (const end of ["pointerup", "pointercancel"]) {
  element.addEventListener(end, (event) => pointers.delete(event.pointerId));
}
element.addEventListener("contextmenu", (event) => { if (onStage(event)) event.preventDefault(); });
element.addEventListener("dblclick", (event) => { if (onStage(event)) use("whole"); });

// --- A radiograph from elsewhere takes the same way as a chosen one: through the upload button ----------

const fileInput = () => document.querySelector(props.upload_selector);
document.addEventListener("cxr:open", (event) => {
  const input = fileInput();
  if (!input) return;
  cxr.setView("one");
  const transfer = new DataTransfer();
  transfer.items.add(event.detail);
  input.files = transfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

