// The cases: which one is open, which have been answered, the quiz and the guided tour. Shared by the components of
// cases.py, which draw what is kept here. The choices of the quiz stay in the browser; the server knows nothing of them.
window.cxrCases ??= (() => {
  const { cxr } = window;
  const state = {
    cases: {}, // each case by its name, as cases.py sends it
    steps: [], // of the tour
    chosen: null, // name of the case that was asked for last
    shown: null, // name of the case whose answer is on the page
    seen: new Set(), // names of the cases that have been answered
    mode: null, // "quiz", "tour" or null
    step: 0, // of the tour
    unknown: null, // a name in the address that no case has
  };
  let select = null; // opens a case in the viewer, which may be there later than the cases

  const listeners = new Set();
  const notify = () => {
    // The styles hide the model's answer while the reader is asked.
    document.body.dataset.quiz = asking() ? "asking" : "";
    listeners.forEach((listener) => listener());
  };

  // --- The quiz: the first choice for each case counts ---------------------------------------------------
  let kept = cxr.recall("quiz") ?? {}; // here too, since storage may be forbidden
  const choices = () => kept;
  const keep = (values) => { kept = values; cxr.remember("quiz", values); };
  const inQuiz = () => Object.keys(state.cases).filter((name) => state.cases[name].in_quiz);
  const answered = () => inQuiz().filter((name) => choices()[name]);
  const asking = () => state.mode === "quiz" && Boolean(state.cases[state.chosen]?.in_quiz)
    && !choices()[state.chosen];
  // A title may give the finding away: of a case of the quiz, it is told after the reader's choice.
  const titleOf = (name) => {
    const number = inQuiz().indexOf(name) + 1;
    return state.mode === "quiz" && number && !choices()[name]
      ? cxr.say("quiz_case", { number }) : state.cases[name].title[cxr.language];
  };
  // Not while the radiograph before is still on the page.
  const canChoose = () => asking() && state.shown === state.chosen;
  const choose = (choice) => {
    if (!canChoose()) return;
    keep({ ...choices(), [state.chosen]: choice });
    notify();
  };
  const score = () => {
    const names = answered();
    const of = (test) => names.filter((name) => test(state.cases[name], choices()[name])).length;
    return {
      total: names.length,
      right: of(({ expected }, choice) => choice === expected),
      unsure: of((_, choice) => choice === "UNSURE"),
      model: of(({ expected, verdict }) => verdict === expected),
      uncertain: of(({ verdict }) => verdict === "UNCERTAIN"),
    };
  };

  // --- Opening cases ---------------------------------------------------------------------------------------
  const writeAddress = (name) => {
    const address = new URL(location.href);
    if (name) address.searchParams.set("case", name);
    else address.searchParams.delete("case");
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  };
  const load = (name) => {
    if (!Object.hasOwn(state.cases, name)) return;
    Object.assign(state, { chosen: name, unknown: null });
    writeAddress(name);
    notify();
    select?.(name);
  };
  const open = (name) => {
    cxr.setView("one");
    load(name);
  };
  // A name is null where a radiograph of the reader's own has been answered.
  const show = (name) => {
    state.shown = name;
    if (name) {
      state.seen.add(name);
    } else {
      Object.assign(state, { chosen: null, mode: null, unknown: null });
      writeAddress(null);
    }
    notify();
  };
  const openLinked = () => {
    if (!select || !Object.keys(state.cases).length) return;
    const name = new URLSearchParams(location.search).get("case");
    if (!name) return;
    // The address may name another view, too, as it does after a reload there.
    if (Object.hasOwn(state.cases, name)) load(name);
    else state.unknown = name;
    notify();
  };

  const end = () => { state.mode = null; notify(); };
  const goTo = (step) => {
    if (step >= state.steps.length) return end();
    state.step = Math.max(0, step);
    return open(state.steps[state.step].case);
  };
  const startTour = () => { state.mode = "tour"; goTo(0); };
  const nextInQuiz = () => {
    const name = inQuiz().find((other) => !choices()[other]);
    if (name) open(name);
    else notify();
  };
  const startQuiz = () => { state.mode = "quiz"; nextInQuiz(); };
  const restartQuiz = () => { keep({}); startQuiz(); };

  return {
    state, asking, answered, inQuiz, choices, titleOf, canChoose, choose, score, open, show, end, goTo,
    startTour, startQuiz, nextInQuiz, restartQuiz,
    load: ({ cases, tour }) => {
      state.cases = cases;
      state.steps = tour;
      openLinked();
    },
    connect: (opens) => {
      select = opens;
      openLinked();
    },
    // Whether the label may be told: in the quiz only after the reader's choice.
    tells: (name) => (state.mode === "quiz" && state.cases[name].in_quiz
      ? Boolean(choices()[name]) : state.seen.has(name)),
    onChange: (listener) => { listeners.add(listener); listener(); },
  };
})();

// #about, #many and #study in the address open that view, and a view writes itself into the address.
(() => {
  const { cxr } = window;
  const LINKED = ["about", "many", "study"];
  const linked = () => LINKED.find((view) => location.hash === `#${view}`);
  const openLinked = () => cxr.setView(linked() ?? "one");
  // The page's head is read before its body is there.
  const start = () => {
    if (linked()) openLinked();
    addEventListener("hashchange", openLinked);
    cxr.onChange(() => {
      const { view } = document.body.dataset;
      const hash = LINKED.includes(view) ? `#${view}` : "";
      if (location.hash === hash) return;
      history.replaceState(history.state, "", location.pathname + location.search + hash);
    });
  };
  if (document.body) start();
  else addEventListener("DOMContentLoaded", start);
})();
