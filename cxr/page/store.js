// What the page keeps in this browser until it is deleted: values by their key. A value may hold files (Blobs).
//
//   const kept = window.cxrStore.open("list");
//   await kept.put(key, value);  await kept.get(key);  await kept.all();  // [[key, value], …] in the order of keys
//   await kept.remove(key);  await kept.clear();
//
// Each of them fails with an Error whose `code` says why: "forbidden" where the browser allows no storage (a private
// window, a frame of another site), "full" where it gives no more room, "failed" for anything else. What was kept
// before stays as it was.
window.cxrStore ??= (() => {
  const VALUES = "values"; // the one table of each database

  const failure = (error, otherwise) => {
    const code = error?.name === "QuotaExceededError" ? "full" : otherwise;
    return Object.assign(new Error(`The browser's storage: ${error?.message || code}`), { code });
  };

  const connect = (name, onClose) => new Promise((opened, failed) => {
    const request = window.indexedDB.open(`cxr.${name}`, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(VALUES);
    request.onsuccess = () => {
      request.result.onclose = onClose;
      opened(request.result);
    };
    request.onerror = () => failed(request.error);
  });

  // Without this the browser may delete all of it when the disk is full, or after some days without a visit.
  let asked = false;
  const stayPut = () => {
    if (asked) return;
    asked = true;
    navigator.storage?.persist?.().catch(() => {}); // it may refuse
  };

  // Opened when first used, and anew if the browser has closed it in between.
  const open = (name) => {
    let connection = null;
    const forget = () => { connection = null; };
    const database = async () => {
      try {
        return await (connection ??= connect(name, forget));
      } catch (error) {
        forget();
        throw failure(error, "forbidden");
      }
    };
    // What the requests that `ask` makes have found, once all of it is on disk.
    const transact = async (mode, ask) => {
      const values = await database();
      return new Promise((done, failed) => {
        try {
          const transaction = values.transaction(VALUES, mode);
          const requests = ask(transaction.objectStore(VALUES));
          transaction.oncomplete = () => done(requests.map(({ result }) => result));
          transaction.onabort = () => failed(failure(transaction.error, "failed"));
        } catch (error) {
          forget();
          failed(failure(error, "failed"));
        }
      });
    };
    return {
      put: async (key, value) => {
        stayPut();
        await transact("readwrite", (values) => [values.put(value, key)]);
      },
      get: async (key) => (await transact("readonly", (values) => [values.get(key)]))[0],
      all: async () => {
        const [keys, values] = await transact("readonly", (all) => [all.getAllKeys(), all.getAll()]);
        return keys.map((key, i) => [key, values[i]]);
      },
      remove: async (key) => { await transact("readwrite", (values) => [values.delete(key)]); },
      clear: async () => { await transact("readwrite", (values) => [values.clear()]); },
    };
  };
  return { open };
})();
