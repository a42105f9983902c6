"use strict";
(() => {
  const element = (id) => document.getElementById(id);
  const every = Number(document.body.dataset.refresh);
  const filter = element("filter");
  // The time of the request that has brought what is shown, by this machine's clock.
  let shownAt = performance.timeOrigin;
  let running = null;
  let timer = 0;

  const seconds = (ms) => {
    const s = Math.max(0, Math.round(ms / 1000));
    return s < 120 ? `${s} s` : `${Math.floor(s / 60)} min`;
  };

  const showAge = () => {
    const age = Date.now() - shownAt;
    element("age").textContent = `${seconds(age)} old, refreshed every ${seconds(every)}`;
    document.body.classList.toggle("old", age > 2 * every + 1000);
  };

  const trouble = (text) => {
    const line = element("trouble");
    // Read aloud only when it changes.
    if (line.textContent !== text) line.textContent = text;
    line.hidden = text === "";
  };

  const applyFilter = () => {
    const wanted = filter.value.trim().toLowerCase();
    const all = document.querySelectorAll("[data-filter]");
    let shown = 0;
    for (const one of all) {
      one.hidden = !one.textContent.toLowerCase().includes(wanted);
      if (!one.hidden) shown += 1;
    }
    element("shown").textContent = wanted === "" ? "" : `${shown} of ${all.length} shown`;
  };

  const keys = (main) =>
    new Map([...main.querySelectorAll("details")].map((one) =>
      [`${one.closest("tbody").id} ${[...one.parentNode.querySelectorAll("details")].indexOf(one)}`, one]));

  // Puts what was received in place of what is shown, and leaves the reader where they are.
  const replace = (next) => {
    const main = element("audit");
    const rows = [...main.querySelectorAll("tbody")];
    const top = element("filtering").getBoundingClientRect().bottom;
    const anchor = window.scrollY > 0 &&
      rows.find((row) => !row.hidden && row.getBoundingClientRect().bottom > top);
    const before = anchor && anchor.getBoundingClientRect().top;
    const place = window.scrollY;
    const open = keys(main);
    let focus = null;
    open.forEach((one, key) => {
      if (one.contains(document.activeElement)) focus = key;
    });
    const now = document.adoptNode(next);
    keys(now).forEach((one, key) => {
      const was = open.get(key);
      one.open = was !== undefined && was.open;
      if (key === focus) focus = one.firstElementChild;
    });
    main.replaceWith(now);
    applyFilter();
    const after = anchor && element(anchor.id);
    window.scrollTo(window.scrollX, place);
    if (after) window.scrollBy(0, after.getBoundingClientRect().top - before);
    if (focus instanceof HTMLElement) focus.focus({ preventScroll: true });
    return main.dataset.process !== now.dataset.process;
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, every);
  };

  const ended = (text) => {
    running = null;
    trouble(text === "" ? "" : `This could not be refreshed: ${text}.`);
    showAge();
    later();
  };

  const received = (request, since) => {
    const next = request.response && request.response.getElementById("audit");
    if (request.status !== 200) return ended(`the answer has status ${request.status}`);
    if (!next) return ended("the answer is another page; you may have to sign in again");
    const selection = getSelection();
    // What is selected would be lost.
    if (selection.type === "Range" && element("audit").contains(selection.anchorNode)) {
      return ended("text is selected");
    }
    document.title = request.response.title;
    const another = replace(next);
    shownAt = since;
    ended("");
    if (another) trouble("Another process answers now: it was restarted, or is another instance.");
  };

  const refresh = () => {
    if (document.hidden || running) return;
    const since = Date.now();
    // It parses the answer, and runs nothing that is in there.
    const request = new XMLHttpRequest();
    running = request;
    request.open("GET", location.href);
    request.setRequestHeader("accept", "text/html");
    request.responseType = "document";
    request.timeout = Math.max(2 * every, 10000);
    request.onload = () => received(request, since);
    request.onerror = () => ended("the server cannot be reached");
    request.ontimeout = () => ended("the server does not answer");
    request.onabort = () => ended("the request was cancelled");
    request.send();
  };

  filter.value = new URLSearchParams(location.search).get("filter") || "";
  filter.addEventListener("input", () => {
    const url = new URL(location.href);
    if (filter.value === "") url.searchParams.delete("filter");
    else url.searchParams.set("filter", filter.value);
    history.replaceState(null, "", url);
    applyFilter();
  });
  element("filtering").hidden = false;
  document.addEventListener("visibilitychange", refresh);
  setInterval(showAge, 1000);
  applyFilter();
  showAge();
  later();
})();
