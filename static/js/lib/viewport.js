// On iOS the keyboard covers the page instead of shrinking it, and no style sheet can know. Tell the style sheet how
// high the visible part is (--visible) and where it begins (--above), while that differs from the page.

export function start() {
  const view = window.visualViewport;
  if (!view) return;
  const tell = () => {
    const { style } = document.documentElement;
    const covered = view.scale === 1 && innerHeight - view.height > 1; // pinch zoom is not a keyboard
    if (!covered) return ["--visible", "--above"].forEach((name) => style.removeProperty(name));
    style.setProperty("--visible", `${view.height}px`);
    style.setProperty("--above", `${view.offsetTop}px`);
  };
  view.addEventListener("resize", tell);
  view.addEventListener("scroll", tell);
}
