// Runs before anything is drawn: a page that the browser brings back from a cache, after its person logged out here,
// shows nothing and goes to the log-in. (A plain script, because modules wait until the page is parsed.)

{
  const { user, login } = document.currentScript.dataset;
  const name = `chatapp:out:${user}`;
  const { classList } = document.documentElement;
  const leave = () => {
    if (!localStorage.getItem(name)) return classList.remove("away");
    classList.add("away");
    location.replace(login);
  };
  try {
    const [{ type } = {}] = performance.getEntriesByType("navigation");
    if (type === "back_forward") leave();
    else localStorage.removeItem(name); // the server has just let them in
    // It is put away unseen, so that it can be looked at before it is seen again.
    addEventListener("pagehide", ({ persisted }) => persisted && classList.add("away"));
    addEventListener("pageshow", ({ persisted }) => persisted && leave());
  } catch {
    // without storage nothing tells of the log-out but the server, which closes the socket of this page
  }
}
