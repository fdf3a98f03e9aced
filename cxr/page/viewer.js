// The viewer, with answer.js, stage.js and reading.js in the same scope; Gradio puts `element`, `props`, `watch`,
// `trigger` and `server` into it. A radiograph arrives once; everything else happens here, without a request to
// the server.
const { cxr, cxrFiles, cxrRules } = window;
const $ = (selector) => element.querySelector(selector);
const say = cxr.speaker(props.texts);

const FRESH_VIEW = { scale: 1, x: 0, y: 0, brightness: 1, contrast: 1 };
const state = {
  opacity: 0.5,
  prevalence: cxr.recall("prevalence") ?? 20, // per cent
  pressed: { heatmap: false, contour: false, side: false, invert: false, levels: false },
  view: { ...FRESH_VIEW },
  shown: null, // id of the radiograph on the stage
  own: null, // the reader's own reading of it, once there is one
};
const radiograph = () => props.value;
const points = () => radiograph().operating_points;
const ownThreshold = () => cxr.ownThreshold(radiograph().model);
const threshold = () => ownThreshold() ?? points().threshold;

const showTexts = () => {
  cxr.translate(element, say);
  $(".legend .scale").style.backgroundImage = props.legend;
};

const showRadiograph = () => {
  const value = radiograph();
  $(".viewer").dataset.state = value ? "radiograph" : "empty";
  if (!value) return;
  for (const image of element.querySelectorAll("img.radiograph")) {
    image.src = value.image;
    image.alt = say("radiograph", { name: value.name });
    image.hidden = false;
  }
  $("img.heatmap").src = value.heatmap;
  $(".contour").setAttribute("viewBox", `0 0 ${value.width} ${value.height}`);
  $(".contour").innerHTML = value.contours
    .map((outline, level) => `<path d="${outline}" data-level="${level}"></path>`).join("");
  $(".verdict .name").textContent = value.name;
  $(".dicom").hidden = !value.is_dicom;
  if (state.shown === value.id) return;
  // A new radiograph is shown whole and without its heatmap, so that the reader sees it unbiased.
  state.own = null;
  state.shown = value.id;
  state.view = { ...FRESH_VIEW };
  Object.assign(state.pressed, { heatmap: false, contour: false, invert: false });
};

const showTools = () => {
  for (const button of element.querySelectorAll("[data-tool][aria-pressed]")) {
    button.setAttribute("aria-pressed", String(state.pressed[button.dataset.tool]));
  }
  if (!radiograph()) return;
  const { heatmap, contour, side, invert } = state.pressed;
  $("img.heatmap").hidden = !heatmap;
  $("img.heatmap").style.opacity = state.opacity;
  $(".contour").toggleAttribute("hidden", !contour);
  $(".contour").style.opacity = Math.max(state.opacity, 0.3);
  $(".plain").hidden = !side;
  $(".stage").classList.toggle("two", side);
  $(".legend").hidden = !(heatmap || contour);
  $(".opacity").value = state.opacity;
  $(".legend output").textContent = cxr.percent(state.opacity, 0);
  const { scale, x, y, brightness, contrast } = state.view;
  for (const sheet of element.querySelectorAll(".sheet")) {
    sheet.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  }
  const levels = `invert(${Number(invert)}) brightness(${brightness}) contrast(${contrast})`;
  for (const image of element.querySelectorAll("img.radiograph")) image.style.filter = levels;
};

const show = () => { showTexts(); showRadiograph(); showTools(); showAnswer(); showSession(); };

// --- Files ----------------------------------------------------------------------------------------------

// The events are handled on `element`: Gradio renders what is in it anew with each radiograph.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const kind = button?.dataset.keep;
  if (kind === "overlay") keepOverlay();
  if (kind === "report" || kind === "dicom") {
    trigger("submit", {
      kind, threshold: ownThreshold(), language: cxr.language,
      keep_identifiers: $(".identifiers").checked,
    });
  }
  if (button?.matches(".invitation")) fileInput()?.click();
});

// Radiograph and heatmap as they look on the stage, at the radiograph's own size.
const keepOverlay = () => {
  const value = radiograph();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [value.width, value.height];
  const drawing = canvas.getContext("2d");
  drawing.filter = $(".pane.main .radiograph").style.filter || "none";
  drawing.drawImage($(".pane.main .radiograph"), 0, 0, value.width, value.height);
  drawing.filter = "none";
  drawing.globalAlpha = state.opacity;
  drawing.drawImage($("img.heatmap"), 0, 0, value.width, value.height);
  cxrFiles.download(canvas.toDataURL("image/png"), `${value.stem}_overlay.png`);
};

// A dropped, pasted or listed radiograph goes through the upload button, as a chosen one does.
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

