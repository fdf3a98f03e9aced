// The thumbnails of the cases, and the buttons that start the quiz and the tour.
const { cxr, cxrCases } = window;
const { say } = cxr;
const { state } = cxrCases;

const show = () => {
  cxr.translate(element, say);
  for (const button of element.querySelectorAll("[data-case]")) {
    const name = button.dataset.case;
    const { label } = props.cases[name];
    button.querySelector(".title").textContent = cxrCases.titleOf(name);
    button.querySelector(".label").textContent = cxrCases.tells(name) ? say(`label_${label}`) : "";
    button.setAttribute("aria-current", String(name === state.chosen));
  }
  for (const mode of ["tour", "quiz"]) {
    element.querySelector(`[data-do=${mode}]`).setAttribute("aria-pressed", String(state.mode === mode));
  }
};

// On a phone the cases are in a drawer, once there is a radiograph; what is chosen from it closes it.
const opener = element.querySelector(".open-drawer");
const openDrawer = (open) => {
  element.querySelector(".drawer").toggleAttribute("data-open", open);
  opener.setAttribute("aria-expanded", String(open));
};
const closeDrawer = () => {
  if (opener.getAttribute("aria-expanded") !== "true") return false;
  openDrawer(false);
  if (opener.offsetParent) opener.focus();
  return true;
};
document.addEventListener("click", (event) => {
  if (element.isConnected && !element.contains(event.target)) openDrawer(false);
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && closeDrawer()) event.stopPropagation();
});

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button === opener) return openDrawer(opener.getAttribute("aria-expanded") !== "true");
  if (button) closeDrawer();
  const { case: name, do: action } = button?.dataset ?? {};
  if (name) cxrCases.open(name);
  if (action && state.mode === action) cxrCases.end();
  else if (action === "tour") cxrCases.startTour();
  else if (action === "quiz") cxrCases.startQuiz();
});

cxrCases.load(props);
cxrCases.onChange(show);
cxr.onChange(show);
