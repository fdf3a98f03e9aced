// The thumbnails of the cases, and the buttons that start the quiz and the tour.
const { cxr, cxrCases } = window;
const say = cxr.speaker(props.texts);
const { state } = cxrCases;

const show = () => {
  cxr.translate(element, say);
  for (const button of element.querySelectorAll("[data-case]")) {
    const name = button.dataset.case;
    const { title, label } = props.cases[name];
    button.querySelector(".title").textContent = title[cxr.language];
    button.querySelector(".label").textContent = cxrCases.tells(name) ? say(`label_${label}`) : "";
    button.setAttribute("aria-current", String(name === state.chosen));
  }
  for (const mode of ["tour", "quiz"]) {
    element.querySelector(`[data-do=${mode}]`).setAttribute("aria-pressed", String(state.mode === mode));
  }
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const { case: name, do: action } = button?.dataset ?? {};
  if (name) cxrCases.open(name);
  if (action && state.mode === action) cxrCases.end();
  else if (action === "tour") cxrCases.startTour();
  else if (action === "quiz") cxrCases.startQuiz();
});

cxrCases.load(props);
cxrCases.onChange(show);
cxr.onChange(show);
