// What the browser's "back" goes through: pages, and the views of a page; one entry for what a person did.
// Streamlit pushes an entry at every value that Python writes into the address, two to five while a page opens, and has
// no setting for it. This stands in front of its pushes: whatever is no step changes the entry that is there.

(() => {
  const STEPS = __STEPS__; // names in the address of what is a step within a page
  const push = history.pushState.bind(history);
  let hasActed = false; // since the last step
  let isLeaving = false; // a link to another page was clicked, and the address does not name that page yet
  let said = null; // what was meanwhile said of it: it must not change the entry that is left

  const isToAnotherPage = (event) => {
    const link = event.composedPath().find((element) => element.tagName === "A");
    const isElsewhere = event.button || event.ctrlKey || event.metaKey || event.shiftKey || link?.hasAttribute("download");
    return Boolean(link) && !isElsewhere && link.origin === location.origin && link.pathname !== location.pathname;
  };
  const onAct = (event) => {
    hasActed = true;
    isLeaving = event.type === "click" && isToAnotherPage(event);
    said = null;
  };
  for (const kind of ["pointerdown", "keydown", "click"]) addEventListener(kind, onAct, true);

  history.pushState = (state, unused, address) => {
    const [from, to] = [new URL(location.href), new URL(address ?? "", location.href)];
    const isOtherView = STEPS.some((name) => from.searchParams.get(name) !== to.searchParams.get(name));
    if (from.pathname !== to.pathname) {
      to.search = said ?? to.search;
    } else if (isLeaving) {
      said = to.search;
      return;
    } else if (!hasActed || !isOtherView) {
      history.replaceState(state, unused, address);
      return;
    }
    hasActed = isLeaving = false;
    said = null;
    push(state, unused, to.href);
  };
})();
