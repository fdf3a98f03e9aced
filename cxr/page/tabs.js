// One tab of the browser at a time has what the page keeps under a name: two tabs that wrote the same list would each
// overwrite what the other has written. By the browser's locks (W3C, Web Locks API).
//
//   const tab = window.cxrTabs.share("study", { gained, lost, elsewhere });
//   gained()     this tab has it from now on: it reads what is kept.
//   lost()       another tab wants it. The promise resolves once all is kept, to false if that cannot be: then this
//                tab goes on having it.
//   elsewhere()  another tab has it: nothing may be written from now on.
//   tab.held     whether this tab has it.
//   tab.claim()  takes it over from the other tab; resolves to false if that one cannot give it away.
//
// Once the tab that has it is closed, the one that waits longest has it. Without locks (a page over plain HTTP, a frame
// of another site), each tab has it.
window.cxrTabs ??= (() => {
  const MOST_PATIENCE = 5000; // milliseconds until a tab that does not answer has lost it

  const share = (name, { gained, lost, elsewhere }) => {
    const lock = `cxr.${name}`;
    const tab = { held: false, claim: async () => true };
    const gain = () => {
      tab.held = true;
      gained();
    };
    if (!navigator.locks) {
      queueMicrotask(gain);
      return tab;
    }
    const channel = new BroadcastChannel(lock);
    let waiting = new AbortController();
    let answer = () => {}; // to this tab's claim
    let patience = null; // ends when a tab does not answer

    // Held until another tab takes it over, or this one is closed.
    const hold = () => {
      gain();
      return new Promise(() => {});
    };
    const isTaken = () => {
      if (tab.held) leave(); // by a tab that has not had an answer
      return wait();
    };
    const leave = () => {
      tab.held = false;
      elsewhere();
    };
    const wait = async () => {
      waiting = new AbortController();
      const { signal } = waiting;
      try {
        await navigator.locks.request(lock, { signal }, hold);
      } catch {
        if (!signal.aborted) await isTaken();
      }
    };
    channel.onmessage = async ({ data }) => {
      if (data === "wait") return clearTimeout(patience);
      if (data !== "claim") return answer(data === "left");
      if (!tab.held) return null;
      channel.postMessage("wait");
      const left = (await lost()) !== false;
      if (left) leave();
      return channel.postMessage(left ? "left" : "kept");
    };
    tab.claim = async () => {
      const left = await new Promise((found) => {
        answer = found;
        channel.postMessage("claim");
        patience = setTimeout(() => found(true), MOST_PATIENCE);
      });
      if (!left || tab.held) return left;
      waiting.abort();
      navigator.locks.request(lock, { steal: true }, hold).catch(isTaken);
      return true;
    };

    const first = navigator.locks.request(lock, { ifAvailable: true }, (free) => {
      if (free) return hold();
      elsewhere();
      wait();
      return null;
    });
    // Taken over; or locks are forbidden, as storage is then.
    first.catch((error) => (error.name === "AbortError" ? isTaken() : gain()));
    return tab;
  };
  return { share };
})();
