// What the browser's "back" goes through: pages, and the views of a page; one entry for what a person did.
// Streamlit pushes an entry at every value that Python writes into the address, two to five while a page opens, and has
// no setting for it. This stands in front of its pushes: whatever is no step changes the entry that is there.

(() => {
  const STEPS = __STEPS__; // names in the address of what is a step within a page
  const push = history.pushState.bind(history);
  let hasActed = false; // since the last step
  for (const kind of ["pointerdown", "keydown", "click"]) addEventListener(kind, () => (hasActed = true), true);

  history.pushState = (state, unused, address) => {
    const [from, to] = [new URL(location.href), new URL(address ?? "", location.href)];
    const isOtherView = STEPS.some((name) => from.searchParams.get(name) !== to.searchParams.get(name));
    if (from.pathname === to.pathname && !(hasActed && isOtherView)) return history.replaceState(state, unused, address);
    hasActed = false;
    push(state, unused, address);
  };
})();
