// The question of the quiz, and the sentence of the guided tour, above the radiograph.
const { cxr, cxrCases } = window;
const { say } = cxr;
const { state } = cxrCases;
const $ = (selector) => element.querySelector(selector);

const showButtons = (shown) => {
  for (const button of element.querySelectorAll("[data-do]")) {
    button.hidden = !shown.includes(button.dataset.do);
  }
};

const showTour = () => {
  const step = state.steps[state.step];
  const place = say("tour_step", { step: state.step + 1, total: state.steps.length });
  $(".said").textContent = `${place} ${step.say[cxr.language]}`;
  const last = state.step === state.steps.length - 1;
  showButtons([...(state.step ? ["back"] : []), ...(last ? [] : ["next"]), "end"]);
  $("[data-do=next]").textContent = say("tour_next");
  $(".choices").hidden = true;
  $(".score").textContent = "";
};

const showQuiz = () => {
  const asking = cxrCases.asking();
  const mine = cxrCases.choices()[state.chosen];
  const done = cxrCases.answered().length === cxrCases.inQuiz().length;
  $(".choices").hidden = !asking;
  for (const choice of element.querySelectorAll("[data-choice]")) {
    choice.setAttribute("aria-disabled", String(!cxrCases.canChoose()));
  }
  const said = [];
  if (asking) said.push(cxrCases.titleOf(state.chosen), say("quiz_question"));
  else if (mine) {
    const { label } = props.cases[state.chosen];
    const choice = cxr.nameOf(mine, say);
    said.push(say("quiz_answer", { choice, label: say(`label_${label}`) }));
  }
  if (done) said.push(say("quiz_done"));
  $(".said").textContent = said.join(" – ");
  showButtons([...(asking || done ? [] : ["next"]), ...(done ? ["again"] : []), "end"]);
  $("[data-do=next]").textContent = say("quiz_next");
  const score = cxrCases.score();
  $(".score").textContent = score.total ? say("quiz_score", score) : "";
};

const show = () => {
  cxr.translate(element, say);
  $("[data-do=end]").textContent = say(state.mode === "tour" ? "tour_end" : "quiz_end");
  $("section").hidden = !state.mode;
  if (state.mode === "tour") showTour();
  if (state.mode === "quiz") showQuiz();
};

const seen = (...choices) => choices.map((one) => document.querySelector(one)).find((found) => found?.offsetParent);
// Whoever uses the keyboard stays on a button that does something.
const focusAfter = () => {
  // On narrow screens the cases are in a drawer.
  if (!state.mode) return seen("#cases [data-do=tour]", ".open-drawer")?.focus();
  const choices = ["[data-choice]", "[data-do=next]", "[data-do=again]", "[data-do=end]"];
  const button = choices.map($).find((found) => found?.offsetParent);
  return button?.focus({ preventScroll: true });
};

const act = (action) => {
  if (action === "end") cxrCases.end();
  if (action === "again") cxrCases.restartQuiz();
  if (action === "back") cxrCases.goTo(state.step - 1);
  if (action === "next" && state.mode === "tour") cxrCases.goTo(state.step + 1);
  if (action === "next" && state.mode === "quiz") cxrCases.nextInQuiz();
};
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.choice) cxrCases.choose(button.dataset.choice);
  act(button.dataset.do);
  if (!button.offsetParent) focusAfter();
});
document.addEventListener("keydown", (event) => {
  if (!state.mode || !element.isConnected || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.defaultPrevented || cxr.typing(event.target)) return;
  if (event.key === "Escape") act("end");
  else if (state.mode !== "tour" || !element.contains(event.target)) return;
  else if (event.key === "ArrowRight" && state.step < state.steps.length - 1) act("next");
  else if (event.key === "ArrowLeft" && state.step > 0) act("back");
  else return;
  event.preventDefault();
  if (!document.activeElement?.offsetParent) focusAfter();
});

// A tour or a quiz that begins moves the focus to its first button.
let mode = null;
cxrCases.onChange(() => {
  show();
  if (state.mode && state.mode !== mode) focusAfter();
  mode = state.mode;
});
cxr.onChange(show);
